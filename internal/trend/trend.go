// Package trend says how something rises or falls, for the page's forecast and
// for the exporter's gauge: both mean the same.
package trend

import "time"

const (
	// Window is how far back a drain is looked at. It is short: a link changes.
	Window = time.Minute
	// Least is how many samples a trend needs.
	Least = 3
	// Farthest is what may be said: further away it is a guess about nothing.
	Farthest = 10 * 365 * 24 * time.Hour
)

// FromTurn drops what was before the highest value, where enough is left: it
// began to fall there.
func FromTurn[S any](samples []S, value func(S) float64) []S {
	top := 0
	for i, s := range samples {
		if value(s) >= value(samples[top]) {
			top = i
		}
	}
	if len(samples)-top < Least {
		return samples
	}
	return samples[top:]
}

// Slope is that of the line with the least squares, per second; 0 where there is none.
func Slope[S any](samples []S, at func(S) time.Duration, value func(S) float64) float64 {
	var x, y float64
	n := float64(len(samples))
	for _, s := range samples {
		x += at(s).Seconds() / n
		y += value(s) / n
	}
	var xy, xx float64
	for _, s := range samples {
		dx := at(s).Seconds() - x
		xy += dx * (value(s) - y)
		xx += dx * dx
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}
