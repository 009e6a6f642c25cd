package satellite

import (
	"sync"
	"time"
)

const (
	stallTick = 5 * time.Millisecond
	// leastStall is how late a tick is that makes a stall: less is any machine's way.
	leastStall = 15 * time.Millisecond
)

// stalls are the times in which this machine had other things to do than to run
// us, so the agent and the network beneath us too: what is sent and what is seen
// then comes late, and together.
type stalls struct {
	mu   sync.Mutex
	list []stall // in order of time
}

type stall struct{ from, to time.Time }

// watch looks until stop.
func (s *stalls) watch(stop <-chan struct{}) {
	tick := time.NewTicker(stallTick)
	defer tick.Stop()
	before := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(before) >= stallTick+leastStall {
			s.note(before, now)
		}
		before = now
	}
}

func (s *stalls) note(from, to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, stall{from, to})
}

// Calm tells whether the machine ran without a stall all that time. Else what was
// measured in it says little about the agent.
func (l *Link) Calm(from, to time.Time) bool {
	l.stalls.mu.Lock()
	defer l.stalls.mu.Unlock()
	for _, s := range l.stalls.list {
		if s.from.Before(to) && s.to.After(from) {
			return false
		}
	}
	return true
}

// Stalled is how long the machine stood still in that time, all stalls together.
func (l *Link) Stalled(from, to time.Time) (sum time.Duration) {
	l.stalls.mu.Lock()
	defer l.stalls.mu.Unlock()
	for _, s := range l.stalls.list {
		if s.from.Before(to) && s.to.After(from) {
			sum += s.to.Sub(s.from)
		}
	}
	return sum
}
