package costs_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
)

// clerk has a book, and a clock that the test sets.
type clerk struct {
	*costs.Book

	settings costs.Settings
	clock    time.Time
}

func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

func newClerk() *clerk {
	c := &clerk{clock: at(10, 12)}
	c.settings = costs.Settings{
		Day:   calendar.Period{Per: calendar.PerDay, Zone: time.UTC},
		Month: calendar.Period{Per: calendar.PerMonth, Day: 15, Zone: time.UTC},
		Now:   func() time.Time { return c.clock },
	}
	c.Book = costs.New(c.settings)
	return c
}

func (c *clerk) restarts(t *testing.T) {
	t.Helper()
	text := c.Encode()
	c.Book = costs.New(c.settings)
	require.NoError(t, c.Recall(text))
}

type sinks = map[string]costs.Bytes

func TestTheDaysAndTheMonths(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(c *clerk){"in one go": func(*clerk) {}, "over restarts": func(c *clerk) { c.restarts(t) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClerk()
			assert.Empty(t, c.Day().Sinks)
			c.Add("shore", costs.Bytes{Up: 100, Down: 10})
			c.Add("logs", costs.Bytes{Up: 7})
			c.Add("shore", costs.Bytes{Down: 1})
			ends(c)
			assert.Equal(t, sinks{"shore": {Up: 100, Down: 11}, "logs": {Up: 7}}, c.Day().Sinks)
			c.clock = at(11, 0)
			ends(c)
			c.Add("shore", costs.Bytes{Up: 5})
			ends(c)
			day, month := c.Day(), c.Month()
			assert.Equal(t, sinks{"shore": {Up: 5}}, day.Sinks)
			assert.Equal(t, sinks{"shore": {Up: 105, Down: 11}, "logs": {Up: 7}}, month.Sinks)
			assert.Equal(t, []time.Time{at(11, 0), at(12, 0), at(10, 12)}, []time.Time{day.Start, day.Next, day.Since.UTC()})
			assert.Equal(t, []time.Time{time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC), at(15, 0)}, []time.Time{month.Start, month.Next})
			c.clock = at(15, 0)
			ends(c)
			assert.Empty(t, c.Month().Sinks)
			assert.Empty(t, c.Day().Sinks)
		})
	}
}

// A clock that jumps away finds the day as it left it, unless it jumps from day to day.
func TestAClockThatJumps(t *testing.T) {
	t.Parallel()
	c := newClerk()
	c.Add("shore", costs.Bytes{Up: 100})
	for _, jump := range []time.Time{at(20, 0), at(1, 0)} {
		c.clock = jump
		c.Add("shore", costs.Bytes{Up: 1})
		assert.Equal(t, sinks{"shore": {Up: 1}}, c.Day().Sinks)
	}
	c.restarts(t)
	c.clock = at(10, 13)
	c.Add("shore", costs.Bytes{Up: 1})
	assert.Equal(t, sinks{"shore": {Up: 101}}, c.Day().Sinks)
	for day := 1; day < 30; day++ {
		c.clock = at(day, 0)
		c.Add("shore", costs.Bytes{Up: 1})
	}
	assert.Less(t, len(c.Encode()), 1000, "it is bounded")
}

func TestManyNamesShareALine(t *testing.T) {
	t.Parallel()
	c := newClerk()
	for n := range 1000 {
		c.Add(fmt.Sprint(n), costs.Bytes{Up: 1})
	}
	got := c.Month().Sinks
	assert.LessOrEqual(t, len(got), 257)
	assert.Equal(t, costs.Bytes{Up: 1}, got["7"])
	assert.EqualValues(t, 1000-256, got[costs.Others].Up)
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", "7", `{"version":2}`, `{"version":1}`, `{"version":1,"day":{}}`} {
		c := newClerk()
		c.Add("shore", costs.Bytes{Up: 1})
		require.Error(t, c.Recall([]byte(text)), text)
		assert.Equal(t, sinks{"shore": {Up: 1}}, c.Day().Sinks)
	}
	c := newClerk()
	require.NoError(t, c.Recall(nil))
	require.NoError(t, c.Recall([]byte(`{"version":1,"day":{"plan":"day at 00:00 UTC","spans":[{"start":"2026-11-10T00:00:00Z"}]},"month":{}}`)))
	c.Add("shore", costs.Bytes{Up: 1})
	assert.Equal(t, sinks{"shore": {Up: 1}}, c.Day().Sinks)
}

// Who edits the plan has another month: it begins anew, and says since when.
func TestAnotherPlan(t *testing.T) {
	t.Parallel()
	c := newClerk()
	c.Add("shore", costs.Bytes{Up: 1})
	c.settings.Month.Day = 1
	c.clock = at(11, 0)
	c.restarts(t)
	assert.Empty(t, c.Month().Sinks)
	assert.Equal(t, at(11, 0), c.Month().Since)
	assert.Equal(t, at(10, 12), c.Day().Since.UTC())
}

func TestACrowd(t *testing.T) {
	t.Parallel()
	c := newClerk()
	assert.False(t, c.Changed())
	var crowd sync.WaitGroup
	for range 4 {
		crowd.Go(func() {
			for range 100 {
				c.Add("shore", costs.Bytes{Up: 1})
				_, _, _ = c.Day(), c.Encode(), c.Changed()
			}
		})
	}
	crowd.Wait()
	assert.EqualValues(t, 400, c.Day().Sinks["shore"].Up)
	assert.False(t, c.Changed())
	c.Add("shore", costs.Bytes{Up: 1})
	assert.True(t, c.Changed())
}
