package wire

import (
	"sync"
	"time"
)

// deadline is a connection's write deadline, as a channel. A wait sees it move.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	late  chan struct{} // closed when the deadline has passed
}

func (d *deadline) channel() chan struct{} {
	if d.late == nil {
		d.late = make(chan struct{})
	}
	return d.late
}

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

func (d *deadline) isSet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.timer != nil
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	if t.IsZero() {
		return
	}
	late := d.channel()
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // it may have been moved at this moment
			close(late)
		}
	})
	d.timer = timer
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}

// clear forgets the deadline, and that it has passed.
func (d *deadline) clear() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	select {
	case <-d.late:
		d.late = nil
	default:
	}
}
