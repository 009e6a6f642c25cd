package deadletter

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	aboutExt      = ".json"
	damagedFolder = "damaged"
)

// item is what is kept in memory of an entry: some 150 bytes.
type item struct {
	name, folder, ext string
	// size on disk of both files, in bytes.
	size int64
	// about is false until the entry's JSON has been read.
	about          bool
	signal         delivery.Signal
	reason         string
	first, parked  time.Time
	records, bytes int
}

func itemOf(folder, ext string, e Entry, size int64) item {
	it := item{name: e.Name, folder: folder, ext: ext, size: size}
	it.learn(e)
	return it
}

func (it *item) learn(e Entry) {
	it.about, it.signal, it.reason = true, e.Signal, e.Reason
	it.first, it.parked, it.records, it.bytes = e.First, e.Parked, e.Records, e.Bytes
}

// before is the order of entries: by the time in their names.
func (it item) before(o item) int {
	return cmp.Or(cmp.Compare(when(it.name), when(o.name)), strings.Compare(it.name, o.name))
}

// when is the time that a name begins with, in ns since 1970.
func when(name string) int64 {
	digits, _, _ := strings.Cut(name, "-")
	n, _ := strconv.ParseInt(digits, 10, 64) // a name of somebody else's comes first
	return n
}

// index is what there is on disk, oldest first.
type index struct {
	mu    sync.Mutex
	items []item
	size  int64
}

func (x *index) add(it item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, found := slices.BinarySearchFunc(x.items, it, item.before)
	if found {
		x.size -= x.items[i].size
		x.items[i] = it
	} else {
		x.items = slices.Insert(x.items, i, it)
	}
	x.size += it.size
}

// learned keeps what is known of an item that is there yet.
func (x *index) learned(it item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, found := slices.BinarySearchFunc(x.items, it, item.before); found {
		x.items[i] = it
	}
}

func (x *index) oldest() (it item, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.items) == 0 {
		return item{}, false
	}
	return x.items[0], true
}

func (x *index) remove(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, found := slices.BinarySearchFunc(x.items, item{name: name}, item.before); found {
		x.size -= x.items[i].size
		x.items = slices.Delete(x.items, i, i+1)
	}
}

func (x *index) find(name string) (item, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, found := slices.BinarySearchFunc(x.items, item{name: name}, item.before)
	if !found {
		return item{}, false
	}
	return x.items[i], true
}

// all is a copy, oldest first.
func (x *index) all() []item {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.items)
}

// total is what all entries take on disk without the one of that name, in bytes.
func (x *index) total(without string) int64 {
	it, _ := x.find(without)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.size - it.size
}

// Open finds what earlier runs have parked, and removes what they left half
// written or half removed: the batch of that is in the queue, or it was to go.
func (s *Store) Open() error {
	for _, folder := range []string{string(delivery.Logs), string(delivery.Metrics), string(delivery.Traces), damagedFolder} {
		if err := s.scan(folder); err != nil {
			return fmt.Errorf("cannot look through the dead letters: %w", err)
		}
	}
	return nil
}

func (s *Store) scan(folder string) error {
	dir := filepath.Join(s.root(), folder)
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() {
			sizes[f.Name()] = info.Size()
		}
	}
	for file, size := range sizes {
		ext := filepath.Ext(file)
		name := strings.TrimSuffix(file, ext)
		about, whole := sizes[name+aboutExt]
		switch {
		case strings.HasPrefix(file, writing), ext == dataExt(folder) && !whole:
			_ = os.Remove(filepath.Join(dir, file)) // what stays is found again at the next start
		case ext == dataExt(folder):
			s.index.add(item{name: name, folder: folder, ext: ext, size: size + about})
		}
	}
	return nil
}

func dataExt(folder string) string {
	if folder == damagedFolder {
		return ".bin"
	}
	return ".jsonl"
}

// read reads what stands beside an entry's data.
func (s *Store) read(it item) (Entry, error) {
	var e Entry
	raw, err := os.ReadFile(filepath.Join(s.root(), it.folder, it.name+aboutExt))
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("dead letter %s: %w", it.name, err)
	}
	e.Name, e.Sink = it.name, s.settings.Sink
	return e, nil
}
