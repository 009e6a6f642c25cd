// Package drain says how long a queue takes to be empty, if it goes on as it did in the
// last minute. The console's forecast means the same, so that a page and an alert agree.
package drain

import (
	"math"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/internal/trend"
)

const (
	// Step is how often a level should be noted.
	Step       = 5 * time.Second
	mostLevels = int(trend.Window/Step) + 1
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
	if !(seconds > 0 && seconds < trend.Farthest.Seconds()) {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// rate is what goes out in a second beyond what comes in; not a number while nothing is known.
func (t *Trend) rate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	recent := t.levels
	for len(recent) > 0 && time.Since(recent[0].at) > trend.Window {
		recent = recent[1:]
	}
	if len(recent) < trend.Least {
		return math.NaN()
	}
	bytes := func(l level) float64 { return l.bytes }
	since := func(l level) time.Duration { return l.at.Sub(recent[0].at) }
	return -trend.Slope(trend.FromTurn(recent, bytes), since, bytes)
}
