package calendar

import "time"

// Window is when bulk may flow: on these days from one time of day until another, which is
// on the next day if it is not later. A window belongs to the day on which it begins.
type Window struct {
	Days     Days
	From, To Clock
	Zone     *time.Location
}

// spans is how long before a moment the window that holds it may have begun, in days.
const spans = 2

// Open says whether any of the windows is open; without windows it always is.
func Open(windows []Window, now time.Time) bool {
	for _, w := range windows {
		if w.holds(now) {
			return true
		}
	}
	return len(windows) == 0
}

// Change is the next moment when a window opens or closes. Without windows it is the zero time.
func Change(windows []Window, now time.Time) time.Time {
	var next time.Time
	for _, w := range windows {
		for day := -spans; day <= 8; day++ { // a week ahead, whatever day it is in the zone
			from, to, ok := w.on(now, day)
			if !ok {
				continue
			}
			for _, edge := range []time.Time{from, to} {
				if edge.After(now) && (next.IsZero() || edge.Before(next)) {
					next = edge
				}
			}
		}
	}
	return next
}

func (w Window) holds(now time.Time) bool {
	for day := -spans; day <= 0; day++ {
		if from, to, ok := w.on(now, day); ok && !now.Before(from) && now.Before(to) {
			return true
		}
	}
	return false
}

// on is the window that begins so many days after today.
func (w Window) on(now time.Time, days int) (from, to time.Time, ok bool) {
	y, m, d := now.In(w.Zone).Date()
	noon := time.Date(y, m, d+days, 12, 0, 0, 0, w.Zone)
	if !w.Days[noon.Weekday()] {
		return from, to, false
	}
	y, m, d = noon.Date()
	from = w.From.on(y, m, d, w.Zone)
	if w.To <= w.From {
		d++
	}
	return from, w.To.on(y, m, d, w.Zone), true
}
