package mshiplink

import (
	"sync"
	"time"
)

// waits is how long has been waited, all who wait together: also those who wait yet, or a
// day without a grant would show nothing until it is over. It is safe for concurrent use.
type waits struct {
	epoch time.Time // on the monotonic clock

	mu      sync.Mutex
	over    time.Duration // the waits that have ended
	waiting int
	begins  time.Duration // of those who wait yet, since the epoch, together
}

// begin a wait, until end is called.
func (w *waits) begin() (end func()) {
	began := time.Since(w.epoch)
	w.count(1, began, 0)
	return func() { w.count(-1, -began, time.Since(w.epoch)-began) }
}

func (w *waits) count(waiting int, begins, over time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting += waiting
	w.begins += begins
	w.over += over
}

// total until now, in seconds.
func (w *waits) total() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return (w.over + time.Duration(w.waiting)*time.Since(w.epoch) - w.begins).Seconds()
}
