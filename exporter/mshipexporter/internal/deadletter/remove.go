package deadletter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Why entries are dropped, as the metric mship_dead_letter_dropped_total names it.
const (
	Full   = "full"
	TooOld = "expired"
	Purged = "purged"
)

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

// drop removes items and tells of those that are gone. The caller holds placing.
func (s *Store) drop(reason string, items []item) (Dropped, error) {
	gone, err := s.remove(items)
	d := Dropped{Reason: reason}
	for _, it := range gone {
		d.add(it)
	}
	if d.Entries > 0 && s.settings.OnDropped != nil {
		s.settings.OnDropped(d)
	}
	return d, err
}

// remove removes what is there yet of the items, and makes that durable once for
// each folder. One that cannot be removed does not keep the others, and the
// first error is told. The caller holds placing.
func (s *Store) remove(items []item) (gone []item, err error) {
	touched := map[string]bool{}
	for _, it := range items {
		if _, there := s.index.find(it.name); !there {
			continue
		}
		touched[it.folder] = true
		if e := s.unlink(it); e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		s.index.remove(it.name)
		gone = append(gone, it)
	}
	for folder := range touched {
		if e := syncFolder(filepath.Join(s.root(), folder)); e != nil && err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = fmt.Errorf("dead letters are removed, but may come back after a power cut: %w", e)
		}
	}
	return gone, err
}

// unlink removes an entry's files: first the data. Cut off in between, what is
// left says what was there, and is removed at a later start.
func (s *Store) unlink(it item) error {
	base := filepath.Join(s.root(), it.folder, it.name)
	for _, path := range []string{base + dataExt(it.folder), base + aboutExt} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove a dead letter: %w", err)
		}
	}
	return nil
}

// Delete removes an entry that was replayed; one that is gone is no error.
func (s *Store) Delete(name string) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	it, ok := s.index.find(name)
	if !ok {
		return nil
	}
	_, err := s.remove([]item{it})
	return err
}

// CountError says that a purge would not remove what it was to.
type CountError struct{ Want, Found int }

// Error implements error.
func (e *CountError) Error() string {
	return fmt.Sprintf("%d dead letters match, not %d: nothing was purged; look again, and give the count that there is", e.Found, e.Want)
}

// Purge removes the entries that match, if there are exactly count.
func (s *Store) Purge(f Filter, count int) (Dropped, error) {
	chosen := s.chosen(f)
	if len(chosen) != count {
		return Dropped{Reason: Purged}, &CountError{Want: count, Found: len(chosen)}
	}
	s.placing.Lock()
	defer s.placing.Unlock()
	return s.drop(Purged, chosen)
}
