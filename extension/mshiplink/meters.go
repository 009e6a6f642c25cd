package mshiplink

import (
	"sync"
	"sync/atomic"
	"time"
)

// meter is what one sink has cost.
type meter struct {
	up, down, waited atomic.Int64 // bytes, bytes, nanoseconds
}

const slots = 10

// meters are those of all sinks, and the rate of the link.
type meters struct {
	mu    sync.Mutex
	sinks map[string]*meter
	// recent is the bytes of each tenth of a second, a ring; its newest is that of latest.
	recent [slots]int64
	latest int64
	epoch  time.Time // of the slots, on the monotonic clock
}

func newMeters() *meters { return &meters{sinks: map[string]*meter{}, epoch: time.Now()} }

// of a sink; two members with one name share it.
func (m *meters) of(sink string) *meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sinks[sink] == nil {
		m.sinks[sink] = &meter{}
	}
	return m.sinks[sink]
}

func (m *meters) each(f func(sink string, one *meter)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for sink, one := range m.sinks {
		f(sink, one)
	}
}

// turn clears the slots that are over.
func (m *meters) turn() {
	slot := int64(time.Since(m.epoch) / (time.Second / slots))
	for m.latest = max(m.latest, slot-slots); m.latest < slot; {
		m.latest++
		m.recent[m.latest%slots] = 0
	}
}

func (m *meters) sent(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	m.recent[m.latest%slots] += int64(n)
}

// rate is the bytes of the second before.
func (m *meters) rate() (sum int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn()
	for _, n := range m.recent {
		sum += n
	}
	return sum
}
