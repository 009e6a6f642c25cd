package deadletter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Filter chooses entries; what is empty or zero does not matter.
type Filter struct {
	Signal delivery.Signal
	Reason string
	// From and To bound when an entry came in through the door; both are included.
	From, To time.Time
	// Names are the entries themselves.
	Names []string
}

func (f Filter) matches(it item) bool {
	return (f.Signal == "" || f.Signal == it.signal) && (f.Reason == "" || f.Reason == it.reason) &&
		(f.From.IsZero() || !it.first.Before(f.From)) && (f.To.IsZero() || !it.first.After(f.To)) &&
		(f.Names == nil || slices.Contains(f.Names, it.name))
}

// Total is how much there is of something.
type Total struct {
	Entries int   `json:"entries"`
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
}

// ErrNotFound says that there is no such entry (any more).
var ErrNotFound = errors.New("there is no such dead letter: it may have been replayed or purged")

// chosen are the items that match, newest first.
func (s *Store) chosen(f Filter) []item {
	var out []item
	if f.Names != nil { // few among many
		for _, name := range f.Names {
			if it, ok := s.index.find(name); ok {
				out = append(out, s.know(it))
			}
		}
	} else {
		for _, it := range s.index.all() {
			out = append(out, s.know(it))
		}
	}
	out = slices.DeleteFunc(out, func(it item) bool { return !f.matches(it) })
	slices.SortFunc(out, func(a, b item) int { return b.before(a) })
	return slices.CompactFunc(out, func(a, b item) bool { return a.name == b.name })
}

// List gives up to limit entries that match, newest first, which are older than
// the one named after ("" begins), the name to go on with ("" at the end), and
// how much matches in all.
func (s *Store) List(f Filter, after string, limit int) (page []Entry, next string, all Total) {
	page = []Entry{}
	for _, it := range s.chosen(f) {
		all.Entries++
		all.Records += it.records
		all.Bytes += it.size
		switch {
		case after != "" && it.before(item{name: after}) >= 0:
		case len(page) < limit:
			page = append(page, s.describe(it))
		case next == "":
			next = page[limit-1].Name
		}
	}
	return page, next, all
}

// describe gives what is known of an item, however little.
func (s *Store) describe(it item) Entry {
	e, err := s.read(it)
	if err != nil {
		return Entry{Name: it.name, Sink: s.settings.Sink, Message: err.Error(), First: time.Unix(0, when(it.name)).UTC(), Bytes: int(it.size)}
	}
	return e
}

// Total is how much there is in all.
func (s *Store) Total() (t Total, oldest time.Time) {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	for _, it := range s.index.items {
		t.Records += it.records
	}
	if len(s.index.items) > 0 {
		oldest = time.Unix(0, when(s.index.items[0].name)).UTC()
	}
	t.Entries, t.Bytes = len(s.index.items), s.index.size
	return t, oldest
}

// Get gives an entry.
func (s *Store) Get(name string) (Entry, error) {
	it, ok := s.index.find(name)
	if !ok {
		return Entry{}, ErrNotFound
	}
	e, err := s.read(it)
	if errors.Is(err, os.ErrNotExist) {
		s.index.remove(name) // somebody has removed it by hand
		return Entry{}, ErrNotFound
	}
	return e, err
}

// Data gives an entry's data, to be closed: lines of OTLP-JSON, or the raw bytes of what is damaged.
func (s *Store) Data(name string) (io.ReadCloser, error) {
	it, ok := s.index.find(name)
	if !ok {
		return nil, ErrNotFound
	}
	f, err := os.Open(filepath.Join(s.root(), it.folder, it.name+it.ext))
	if err != nil {
		return nil, fmt.Errorf("dead letter %s: %w", name, err)
	}
	return f, nil
}

// Lines calls line with each line of an entry's data.
func (s *Store) Lines(name string, line func(json []byte) error) error {
	data, err := s.Data(name)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	for r := bufio.NewReader(data); ; {
		json, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(json) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("dead letter %s: %w", name, err)
		}
		if err := line(json); err != nil {
			return err
		}
	}
}

// Names are those of the entries that match, oldest first.
func (s *Store) Names(f Filter) []string {
	var names []string
	for _, it := range slices.Backward(s.chosen(f)) {
		names = append(names, it.name)
	}
	return names
}

// Delete removes an entry that was replayed; one that is gone is no error.
func (s *Store) Delete(name string) error {
	it, ok := s.index.find(name)
	if !ok {
		return nil
	}
	return s.remove(it)
}

// CountError says that a purge would not remove what it was to.
type CountError struct{ Want, Found int }

// Error implements error.
func (e *CountError) Error() string {
	return fmt.Sprintf("%d dead letters match, not %d: nothing was purged; look again, and give the count that there is", e.Found, e.Want)
}

// Purge removes the entries that match, if there are exactly count.
func (s *Store) Purge(f Filter, count int) (Dropped, error) {
	d, chosen := Dropped{Reason: Purged}, s.chosen(f)
	if len(chosen) != count {
		return d, &CountError{Want: count, Found: len(chosen)}
	}
	defer func() { s.dropped(d) }()
	for _, it := range chosen {
		if err := s.remove(it); err != nil {
			return d, err
		}
		d.add(it)
	}
	return d, nil
}
