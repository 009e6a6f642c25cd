package deadletter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		(f.From.IsZero() || !it.first.Before(f.From)) && (f.To.IsZero() || !it.first.After(f.To))
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
func (s *Store) chosen(f Filter) (out []item) {
	items := s.index.all()
	if f.Names != nil {
		items = s.named(f.Names)
	}
	for _, it := range slices.Backward(items) {
		if it = s.know(it); f.matches(it) {
			out = append(out, it)
		}
	}
	return out
}

// named are the items of those names that there are, each once, oldest first.
func (s *Store) named(names []string) (out []item) {
	for _, name := range names {
		if it, ok := s.index.find(name); ok {
			out = append(out, it)
		}
	}
	slices.SortFunc(out, item.before)
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

// describe gives what is known of an item, however little. A page of entries is
// kept in memory: what can be long is cut.
func (s *Store) describe(it item) Entry {
	e, err := s.read(it)
	if err != nil {
		return Entry{
			Name: it.name, Sink: s.settings.Sink, Signal: it.signal, Reason: it.reason,
			Message: err.Error(), First: it.first, Parked: it.parked, Records: it.records, Bytes: it.bytes,
		}
	}
	e.Parts, e.ID, e.Reason, e.Message = nil, cut(e.ID), cut(e.Reason), cut(e.Message)
	return e
}

// mostWords is how much of a text is listed, in bytes.
const mostWords = 4 << 10

func cut(s string) string {
	if len(s) <= mostWords {
		return s
	}
	return strings.ToValidUTF8(s[:mostWords], "") + "…"
}

// Total is how many entries there are in all, what they take on disk in bytes,
// and when the oldest came in.
func (s *Store) Total() (entries int, bytes int64, oldest time.Time) {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if len(s.index.items) > 0 {
		oldest = s.index.items[0].first
	}
	return len(s.index.items), s.index.size, oldest
}

// Get gives an entry.
func (s *Store) Get(name string) (Entry, error) {
	it, ok := s.index.find(name)
	if !ok {
		return Entry{}, ErrNotFound
	}
	return s.read(it)
}

// Data gives an entry's data, to be closed: lines of OTLP-JSON, or the raw bytes
// of what is damaged. It is there also where nothing is known of the entry.
func (s *Store) Data(name string) (data io.ReadCloser, lines bool, err error) {
	it, ok := s.index.find(name)
	if !ok {
		return nil, false, ErrNotFound
	}
	f, err := os.Open(filepath.Join(s.root(), it.folder, it.name+dataExt(it.folder)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, ErrNotFound
	}
	if err != nil {
		return nil, false, fmt.Errorf("dead letter %s: %w", name, err)
	}
	return f, it.folder != damagedFolder, nil
}

// Lines calls line with each line of an entry's data. If there are not as many
// as were parked, its last word is an error: what is lost cannot be replayed.
func (s *Store) Lines(name string, line func(json []byte) error) error {
	e, err := s.Get(name)
	if err != nil {
		return err
	}
	data, _, err := s.Data(name)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	n, err := eachLine(data, line)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", name, err)
	}
	if want := max(len(e.Parts), 1); n != want {
		return fmt.Errorf("dead letter %s holds %d lines, not %d: its file is damaged; export what there is", name, n, want)
	}
	return nil
}

func eachLine(data io.Reader, line func([]byte) error) (n int, err error) {
	for r := bufio.NewReader(data); ; n++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := line(text); err != nil {
			return n, err
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
