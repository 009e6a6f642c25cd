package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The lengths of a plan's period.
const (
	PerDay   = "day"
	PerMonth = "month"
)

// Period is how often a plan's allowance begins anew.
type Period struct {
	// Per is PerDay or PerMonth.
	Per string
	// Day of the month, 1 to 31; in a month that is shorter it is the last one.
	Day  int
	At   Clock
	Zone *time.Location
}

// ParsePeriod reads when a period begins: "06:00" for a day; "15" or "15 06:00" for a month.
// An empty reset is midnight, of the first.
func ParsePeriod(per, reset string, zone *time.Location) (Period, error) {
	p := Period{Per: per, Day: 1, Zone: zone}
	fields := strings.Fields(reset)
	switch per {
	case PerDay:
	case PerMonth:
		if len(fields) > 0 {
			day, err := strconv.ParseUint(fields[0], 10, 8)
			if err != nil || day < 1 || day > 31 {
				return p, fmt.Errorf("reset must be a day of the month with or without a time, such as \"15\" or \"15 06:00\"; found %q", reset)
			}
			p.Day, fields = int(day), fields[1:]
		}
	default:
		return p, fmt.Errorf("per must be %s or %s, found %q", PerDay, PerMonth, per)
	}
	if len(fields) > 1 {
		return p, fmt.Errorf("reset must be a time such as \"06:00\" for a day, or a day such as \"15\" or \"15 06:00\" for a month; found %q", reset)
	}
	if len(fields) == 1 {
		at, err := ParseClock(fields[0])
		if err != nil || at == fullDay {
			return p, fmt.Errorf("reset must end in a time from \"00:00\" to \"23:59\"; found %q", reset)
		}
		p.At = at
	}
	return p, nil
}

// Start is when the period began that holds now.
func (p Period) Start(now time.Time) time.Time {
	y, m, d := now.In(p.Zone).Date()
	start := p.begin(y, m, d, 0)
	for back := 1; start.After(now); back++ {
		start = p.begin(y, m, d, -back)
	}
	return start
}

// Next is when the period after the one that holds now begins.
func (p Period) Next(now time.Time) time.Time {
	y, m, d := now.In(p.Zone).Date()
	next := p.begin(y, m, d, 0)
	for ahead := 1; !next.After(now); ahead++ {
		next = p.begin(y, m, d, ahead)
	}
	return next
}

// Longest is longer than any one period.
func (p Period) Longest() time.Duration {
	if p.Per == PerDay {
		return 25 * time.Hour
	}
	return (31*24 + 1) * time.Hour
}

// String names the period the same way as long as it is the same.
func (p Period) String() string {
	if p.Per == PerDay {
		return fmt.Sprintf("day at %s %s", p.At, p.Zone)
	}
	return fmt.Sprintf("month on %d at %s %s", p.Day, p.At, p.Zone)
}

// begin is the beginning of the period so many periods after the one that begins on that date's day or month.
func (p Period) begin(year int, month time.Month, day, ahead int) time.Time {
	if p.Per == PerDay {
		return p.At.on(year, month, day+ahead, p.Zone)
	}
	month += time.Month(ahead)
	last := time.Date(year, month+1, 0, 12, 0, 0, 0, p.Zone).Day()
	return p.At.on(year, month, min(p.Day, last), p.Zone)
}
