package deadletter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Why entries are dropped, as the metric mship_dead_letter_dropped_total names it.
const (
	Full   = "full"
	TooOld = "expired"
	Purged = "purged"
)

// sweepEvery is how often entries that are too old are looked for.
const sweepEvery = time.Minute

// Dropped is what was removed at once.
type Dropped struct {
	Reason                  string
	Entries, Records, Bytes int
	// First and Last are when the oldest and the newest of it came in through the door.
	First, Last time.Time
}

func (d *Dropped) add(it item) {
	d.Entries++
	d.Records += it.records
	d.Bytes += it.bytes
	if d.First.IsZero() || it.first.Before(d.First) {
		d.First = it.first
	}
	if it.first.After(d.Last) {
		d.Last = it.first
	}
}

func (s *Store) dropped(d Dropped) {
	if d.Entries > 0 && s.settings.OnDropped != nil {
		s.settings.OnDropped(d)
	}
}

// Tend learns what is known about the entries, and removes those that are too
// old, until the context ends.
func (s *Store) Tend(ctx context.Context) {
	for _, it := range s.index.all() {
		if ctx.Err() != nil {
			return
		}
		s.know(it)
	}
	if s.settings.MaxAge <= 0 {
		return
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.sweep()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// know is the item with what its entry says. One that cannot be read stays
// without; it is exported and purged all the same.
func (s *Store) know(it item) item {
	if it.about {
		return it
	}
	if e, err := s.read(it); err == nil {
		it.learn(e)
		s.index.learned(it)
	}
	return it
}

func (s *Store) sweep() {
	d := Dropped{Reason: TooOld}
	for _, it := range s.index.all() {
		if it = s.know(it); it.about && time.Since(it.parked) > s.settings.MaxAge && s.remove(it) == nil {
			d.add(it)
		}
	}
	s.dropped(d)
}

// makeRoom for an entry: the oldest go, or it is refused.
func (s *Store) makeRoom(it item) error {
	most := s.settings.MaxBytes
	if most <= 0 {
		return nil
	}
	d := Dropped{Reason: Full}
	defer func() { s.dropped(d) }()
	for s.index.total(it.name)+it.size > most {
		oldest, any := s.index.oldest()
		if !s.settings.DropOldest || !any || it.size > most {
			return full(s.index.total(it.name), it.size, most)
		}
		oldest = s.know(oldest)
		if err := s.remove(oldest); err != nil {
			return failed(err)
		}
		d.add(oldest)
	}
	return nil
}

// full: the batch stays in the queue, out of the way of the good ones.
func full(used, more, most int64) error {
	return &delivery.Failure{Fault: delivery.ThisBatch, Message: fmt.Sprintf(
		"the dead letters are full (%d bytes, %d more are to be parked, %d are allowed) and the batch stays in the queue: replay, export or purge some, or raise dead_letter::max_bytes", used, more, most)}
}

// remove removes an entry's files: first what makes it an entry.
func (s *Store) remove(it item) error {
	base := filepath.Join(s.root(), it.folder, it.name)
	for _, path := range []string{base + aboutExt, base + it.ext} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove a dead letter: %w", err)
		}
	}
	s.index.remove(it.name)
	return syncOne(filepath.Join(s.root(), it.folder))
}
