// Package calendar knows when a plan's day or month begins, and when bulk may flow.
package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // an edge box may have no time zones of its own
)

// Clock is a time of day, in minutes after midnight.
type Clock int

const fullDay Clock = 24 * 60

// ParseClock reads "22:00"; "24:00" is the end of the day.
func ParseClock(s string) (Clock, error) {
	hour, minute, ok := strings.Cut(s, ":")
	h, errH := strconv.ParseUint(hour, 10, 8)
	m, errM := strconv.ParseUint(minute, 10, 8)
	c := Clock(h*60 + m)
	if !ok || errH != nil || errM != nil || len(hour) > 2 || len(minute) != 2 || m > 59 || c > fullDay {
		return 0, fmt.Errorf("%q is no time of day; write hours and minutes in quotes, such as \"22:00\"", s)
	}
	return c, nil
}

// String implements fmt.Stringer.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", c/60, c%60) }

// on is the moment when a wall clock shows c on that date; in the hour that a change to
// summer time skips it is the moment an hour later.
func (c Clock) on(year int, month time.Month, day int, zone *time.Location) time.Time {
	return time.Date(year, month, day, int(c/60), int(c%60), 0, 0, zone)
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Days is a set of weekdays.
type Days [7]bool

// ParseDays reads "mon", or a span such as "mon-fri" or "sat-mon". No entry at all is every day.
func ParseDays(entries []string) (Days, error) {
	var days Days
	if len(entries) == 0 {
		return Days{true, true, true, true, true, true, true}, nil
	}
	for _, entry := range entries {
		first, last, isSpan := strings.Cut(strings.ToLower(entry), "-")
		if !isSpan {
			last = first
		}
		from, okFrom := weekday(first)
		to, okTo := weekday(last)
		if !okFrom || !okTo {
			return Days{}, fmt.Errorf("%q is no day; write mon, tue, wed, thu, fri, sat, sun or a span such as mon-fri", entry)
		}
		for day := from; ; day = (day + 1) % 7 {
			days[day] = true
			if day == to {
				break
			}
		}
	}
	return days, nil
}

func weekday(name string) (int, bool) {
	for i, n := range weekdays {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// ParseZone reads a time zone's name; none is UTC. What it takes from this machine's own
// setting would move with the ship, so "Local" is refused.
func ParseZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New("timezone must be a name such as UTC or Europe/Oslo, not Local: a plan's day does not move with the machine's setting")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("timezone must be a name such as UTC or Europe/Oslo: %w", err)
	}
	return zone, nil
}
