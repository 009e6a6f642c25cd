// Package waker knocks at the far end's door while the breaker is open: a bare
// connect, closed at once, that costs next to nothing and tells earlier than the
// end of the rest that the path is there again.
package waker

import (
	"context"
	"sync"
	"time"
)

// longestConnect is how long a connect may take at the most: enough for the
// second try of a handshake on a geostationary link.
const longestConnect = 5 * time.Second

// Settings of a waker. Its functions are called by one goroutine, one at a time.
type Settings struct {
	// Interval is from the begin of one connect to that of the next.
	Interval time.Duration
	// Known tells whether there is an address to connect to.
	Known func() bool
	// Connect to it, and let go at once.
	Connect func(ctx context.Context) error
	// Resting tells whether it is of any use yet.
	Resting func() bool
	// OnKnock hears how each connect ended.
	OnKnock func(err error)
	// OnUnknown hears once that there is no address.
	OnUnknown func()
}

// Waker knocks from when the breaker opens until it rests no more.
type Waker struct {
	settings Settings
	opened   chan time.Duration
	unknown  sync.Once
}

// New makes a waker that sleeps.
func New(s Settings) *Waker { return &Waker{settings: s, opened: make(chan time.Duration, 1)} }

// Opened tells the waker that the breaker opened: it knocks at once where that is
// of use, else after the interval. It does not block.
func (w *Waker) Opened(atOnce bool) {
	wait := w.settings.Interval
	if atOnce {
		wait = 0
	}
	select {
	case w.opened <- wait:
	default: // it is about to begin anyway
	}
}

// Run knocks until ctx is done. It is the waker's one goroutine.
func (w *Waker) Run(ctx context.Context) {
	timer := time.NewTimer(w.settings.Interval)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case wait := <-w.opened:
			timer.Reset(wait)
		case began := <-timer.C:
			if w.settings.Resting() {
				w.knock(ctx)
				timer.Reset(max(w.settings.Interval-time.Since(began), 0))
			}
		}
	}
}

func (w *Waker) knock(ctx context.Context) {
	if !w.settings.Known() {
		w.unknown.Do(w.settings.OnUnknown)
		return
	}
	limited, cancel := context.WithTimeout(ctx, min(w.settings.Interval, longestConnect))
	defer cancel()
	err := w.settings.Connect(limited)
	if ctx.Err() == nil { // else we shut down, which says nothing about the path
		w.settings.OnKnock(err)
	}
}
