// Package drain says how long a queue takes to be empty, if it goes on as it did in the
// last minute. The console's forecast means the same, so that a page and an alert agree.
package drain

import (
	"math"
	"sync"
	"time"
)

const (
	// Step is how often a level should be noted.
	Step = 5 * time.Second
	// window is short: a link changes.
	window       = time.Minute
	mostLevels   = int(window/Step) + 1
	leastLevels  = 3
	farthestLeft = 10 * 365 * 24 * time.Hour // further away it is a guess about nothing
)

// Trend is the levels of the last minute, by the monotonic clock. The zero value knows
// nothing. It is safe for concurrent use.
type Trend struct {
	mu     sync.Mutex
	levels []level // oldest first
}

type level struct {
	at    time.Time
	bytes float64
}

// Note takes the level of now.
func (t *Trend) Note(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.levels) == mostLevels {
		t.levels = append(t.levels[:0], t.levels[1:]...)
	}
	t.levels = append(t.levels, level{time.Now(), float64(bytes)})
}

// Restart forgets everything: what was before says nothing about what comes.
func (t *Trend) Restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.levels = t.levels[:0]
}

// Left is how long a queue of so many bytes takes to be empty; false while it does not
// drain, or not enough is known. What is empty has nothing left, whatever was before.
func (t *Trend) Left(bytes int64) (left time.Duration, ok bool) {
	if bytes <= 0 {
		return 0, true
	}
	seconds := float64(bytes) / t.rate()
	if !(seconds > 0 && seconds < farthestLeft.Seconds()) {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// rate is what goes out in a second beyond what comes in; not a number while nothing is known.
func (t *Trend) rate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	recent := t.levels
	for len(recent) > 0 && time.Since(recent[0].at) > window {
		recent = recent[1:]
	}
	if len(recent) < leastLevels {
		return math.NaN()
	}
	return -slope(fromTurn(recent))
}

// fromTurn drops what was before the highest level, where enough is left: it began to drain there.
func fromTurn(levels []level) []level {
	top := 0
	for i, l := range levels {
		if l.bytes >= levels[top].bytes {
			top = i
		}
	}
	if len(levels)-top < leastLevels {
		return levels
	}
	return levels[top:]
}

// slope is that of the line with the least squares, per second.
func slope(levels []level) float64 {
	n := float64(len(levels))
	var x, y float64
	for _, l := range levels {
		x += l.at.Sub(levels[0].at).Seconds() / n
		y += l.bytes / n
	}
	var xy, xx float64
	for _, l := range levels {
		dx := l.at.Sub(levels[0].at).Seconds() - x
		xy += dx * (l.bytes - y)
		xx += dx * dx
	}
	return xy / xx
}
