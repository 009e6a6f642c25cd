package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
)

func at(t testing.TB, zone *time.Location, s string) time.Time {
	t.Helper()
	moment, err := time.ParseInLocation("2006-01-02 15:04:05", s, zone)
	require.NoError(t, err)
	return moment
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := calendar.ParseZone(name)
	require.NoError(t, err)
	return z
}

func window(t testing.TB, z *time.Location, from, to string, days ...string) calendar.Window {
	t.Helper()
	d, err := calendar.ParseDays(days)
	require.NoError(t, err)
	f, err := calendar.ParseClock(from)
	require.NoError(t, err)
	u, err := calendar.ParseClock(to)
	require.NoError(t, err)
	return calendar.Window{Days: d, From: f, To: u, Zone: z}
}

// 2026-11-27 is a Friday.
func TestWindows(t *testing.T) {
	t.Parallel()
	oslo := zone(t, "Europe/Oslo")
	for name, c := range map[string]struct {
		windows []calendar.Window
		now     string
		open    bool
		change  string
	}{
		"none":                     {nil, "2026-11-27 12:00:00", true, ""},
		"before":                   {[]calendar.Window{window(t, oslo, "22:00", "06:00")}, "2026-11-27 21:59:59", false, "2026-11-27 22:00:00"},
		"at the beginning":         {[]calendar.Window{window(t, oslo, "22:00", "06:00")}, "2026-11-27 22:00:00", true, "2026-11-28 06:00:00"},
		"after midnight":           {[]calendar.Window{window(t, oslo, "22:00", "06:00")}, "2026-11-28 05:59:59", true, "2026-11-28 06:00:00"},
		"at the end":               {[]calendar.Window{window(t, oslo, "22:00", "06:00")}, "2026-11-28 06:00:00", false, "2026-11-28 22:00:00"},
		"within a day":             {[]calendar.Window{window(t, oslo, "01:00", "02:00")}, "2026-11-28 01:30:00", true, "2026-11-28 02:00:00"},
		"the day it begins counts": {[]calendar.Window{window(t, oslo, "22:00", "06:00", "fri")}, "2026-11-28 03:00:00", true, "2026-11-28 06:00:00"},
		"and no other":             {[]calendar.Window{window(t, oslo, "22:00", "06:00", "fri")}, "2026-11-27 03:00:00", false, "2026-11-27 22:00:00"},
		"a span over the weekend":  {[]calendar.Window{window(t, oslo, "22:00", "06:00", "sat-mon")}, "2026-11-27 23:00:00", false, "2026-11-28 22:00:00"},
		"a week ahead":             {[]calendar.Window{window(t, oslo, "22:00", "23:00", "fri")}, "2026-11-27 23:00:00", false, "2026-12-04 22:00:00"},
		"the whole day":            {[]calendar.Window{window(t, oslo, "00:00", "24:00", "fri")}, "2026-11-27 23:59:59", true, "2026-11-28 00:00:00"},
		"round the clock":          {[]calendar.Window{window(t, oslo, "06:00", "06:00", "fri")}, "2026-11-28 05:59:00", true, "2026-11-28 06:00:00"},
		"either of two": {
			[]calendar.Window{window(t, oslo, "22:00", "06:00"), window(t, oslo, "12:00", "13:00", "sat-sun")},
			"2026-11-28 12:30:00", true, "2026-11-28 13:00:00",
		},
		"the hour that is skipped":    {[]calendar.Window{window(t, oslo, "01:00", "04:00")}, "2026-03-29 03:30:00", true, "2026-03-29 04:00:00"},
		"the hour that comes twice":   {[]calendar.Window{window(t, oslo, "01:00", "04:00")}, "2026-10-25 02:30:00", true, "2026-10-25 04:00:00"},
		"until the hour that is gone": {[]calendar.Window{window(t, oslo, "22:00", "02:30")}, "2026-03-29 01:59:59", true, "2026-03-29 03:30:00"},
	} {
		now := at(t, oslo, c.now)
		assert.Equal(t, c.open, calendar.Open(c.windows, now), name)
		change := calendar.Change(c.windows, now.UTC())
		if c.change == "" {
			assert.Zero(t, change, name)
		} else {
			assert.True(t, at(t, oslo, c.change).Equal(change), "%s: %s", name, change)
		}
	}
}

// Change misses nothing: between now and then nothing opens or closes.
func TestNothingChangesBefore(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Oslo", "Pacific/Apia", "Asia/Kolkata"} {
		z := zone(t, name)
		windows := []calendar.Window{window(t, z, "22:00", "06:00", "mon-fri"), window(t, z, "02:30", "02:45", "sun"), window(t, zone(t, "UTC"), "11:00", "12:00")}
		end := at(t, z, "2026-11-01 00:00:00")
		for now := at(t, z, "2026-10-20 00:00:00"); now.Before(end); now = now.Add(7 * time.Minute) {
			open, change := calendar.Open(windows, now), calendar.Change(windows, now)
			require.True(t, change.After(now))
			for then := now; then.Before(change); then = then.Add(5 * time.Minute) {
				require.Equal(t, open, calendar.Open(windows, then), "%s: from %s until %s", name, now, change)
			}
		}
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ per, reset, now, start, next string }{
		"day":                     {"day", "", "2026-11-27 12:00:00", "2026-11-27 00:00:00", "2026-11-28 00:00:00"},
		"day, before its hour":    {"day", "06:00", "2026-11-27 05:59:59", "2026-11-26 06:00:00", "2026-11-27 06:00:00"},
		"day, at its hour":        {"day", "06:00", "2026-11-27 06:00:00", "2026-11-27 06:00:00", "2026-11-28 06:00:00"},
		"month":                   {"month", "", "2026-11-27 12:00:00", "2026-11-01 00:00:00", "2026-12-01 00:00:00"},
		"month, before its day":   {"month", "15", "2027-01-02 00:00:00", "2026-12-15 00:00:00", "2027-01-15 00:00:00"},
		"month, before its hour":  {"month", "15 06:30", "2026-11-15 06:29:59", "2026-10-15 06:30:00", "2026-11-15 06:30:00"},
		"month, a day it lacks":   {"month", "31", "2027-02-27 12:00:00", "2027-01-31 00:00:00", "2027-02-28 00:00:00"},
		"month, on its last":      {"month", "31", "2027-02-28 12:00:00", "2027-02-28 00:00:00", "2027-03-31 00:00:00"},
		"a day of 23 hours":       {"day", "", "2026-03-29 12:00:00", "2026-03-29 00:00:00", "2026-03-30 00:00:00"},
		"an hour that is skipped": {"day", "02:30", "2026-03-29 03:15:00", "2026-03-28 02:30:00", "2026-03-29 03:30:00"},
		"a leap day":              {"month", "30", "2028-02-29 00:00:00", "2028-02-29 00:00:00", "2028-03-30 00:00:00"},
	} {
		z := zone(t, "Europe/Oslo")
		p, err := calendar.ParsePeriod(c.per, c.reset, z)
		require.NoError(t, err, name)
		now := at(t, z, c.now)
		assert.True(t, at(t, z, c.start).Equal(p.Start(now)), "%s: %s", name, p.Start(now))
		assert.True(t, at(t, z, c.next).Equal(p.Next(now)), "%s: %s", name, p.Next(now))
		assert.Less(t, p.Next(now).Sub(p.Start(now)), p.Longest()+time.Minute, name)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "22", "22:0", "24:01", "25:00", "22:60", "-1:00", "22:00:00", "022:00", "+2:00"} {
		_, err := calendar.ParseClock(s)
		assert.ErrorContains(t, err, "write hours and minutes", s)
	}
	for _, s := range []string{"", "monday", "mon-", "-fri", "mon-fri-sun", "1"} {
		_, err := calendar.ParseDays([]string{s})
		assert.ErrorContains(t, err, "is no day", s)
	}
	for _, c := range [][2]string{{"week", ""}, {"", ""}, {"day", "15"}, {"day", "06:00 07:00"}, {"month", "06:00"}, {"month", "0"}, {"month", "32"}, {"month", "1 24:00"}, {"month", "1 2 3"}} {
		_, err := calendar.ParsePeriod(c[0], c[1], time.UTC)
		assert.Error(t, err, c)
	}
	for _, s := range []string{"Local", "Atlantis/Sea"} {
		_, err := calendar.ParseZone(s)
		assert.ErrorContains(t, err, "such as UTC or Europe/Oslo", s)
	}
}

func FuzzClock(f *testing.F) {
	for _, s := range []string{"00:00", "6:00", "22:00", "24:00", "23:59", "24:01", ":", "1:1", "٣:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := calendar.ParseClock(s)
		if err != nil {
			return
		}
		again, err := calendar.ParseClock(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, again)
		assert.True(t, c >= 0 && c <= 24*60, c)
	})
}

func FuzzPeriod(f *testing.F) {
	for _, s := range []string{"", "1", "15 06:00", "31 23:59", "06:00", "0", "1 1 1", "29"} {
		f.Add("month", s, int64(1_790_000_000))
		f.Add("day", s, int64(0))
	}
	f.Fuzz(func(t *testing.T, per, reset string, seconds int64) {
		p, err := calendar.ParsePeriod(per, reset, time.UTC)
		if err != nil || seconds < 0 || seconds > 1<<40 {
			return
		}
		now := time.Unix(seconds, 0)
		assert.False(t, p.Start(now).After(now))
		assert.True(t, p.Next(now).After(now))
		assert.True(t, p.Start(p.Next(now)).Equal(p.Next(now)))
	})
}
