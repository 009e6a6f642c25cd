package deadletter

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// sweepEvery is how often the folders are looked through.
const sweepEvery = time.Minute

// Tend learns what is known about the entries, and then, until the context
// ends, removes those that are too old and forgets those that somebody removed.
func (s *Store) Tend(ctx context.Context) {
	for _, it := range s.index.all() {
		if ctx.Err() != nil {
			return
		}
		s.know(it)
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.sweep()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = s.look() // Open has told what cannot be read
		}
	}
}

// know is the item with what its entry says. One that cannot be read stays
// without; it is exported and purged all the same.
func (s *Store) know(it item) item {
	if it.asked {
		return it
	}
	if e, err := s.read(it); err == nil {
		it.learn(e)
	}
	return it
}

// sweep removes what is too old. What does not say when it was parked stays.
func (s *Store) sweep() {
	if s.settings.MaxAge <= 0 {
		return
	}
	s.placing.Lock()
	defer s.placing.Unlock()
	var old []item
	for _, it := range slices.Backward(s.index.all()) {
		if it = s.know(it); !it.parked.IsZero() && time.Since(it.parked) > s.settings.MaxAge {
			old = append(old, it)
		}
	}
	_, _ = s.drop(TooOld, old) // what cannot be removed now is tried again
}

// makeRoom for an entry: the oldest go, or it is refused. The caller holds placing.
func (s *Store) makeRoom(it item) error {
	most, used := s.settings.MaxBytes, s.index.total(it.name)
	over := used + it.size - most
	if most <= 0 || over <= 0 {
		return nil
	}
	if !s.settings.DropOldest || it.size > most {
		return full(used, it.size, most)
	}
	oldest := s.index.oldest(over, it.name)
	for i := range oldest {
		oldest[i] = s.know(oldest[i])
	}
	if _, err := s.drop(Full, oldest); err != nil {
		return failed(err)
	}
	return nil
}

// full: the batch stays in the queue, out of the way of the good ones.
func full(used, more, most int64) error {
	return &delivery.Failure{Fault: delivery.ThisBatch, Message: fmt.Sprintf(
		"the dead letters are full (%d bytes, %d more are to be parked, %d are allowed) and the batch stays in the queue: replay, export or purge some, or raise dead_letter::max_bytes", used, more, most)}
}
