package deadletter

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	aboutExt      = ".json"
	damagedFolder = "damaged"
	// mostReason is how much of a reason is kept in memory, in bytes; ours are far shorter.
	mostReason = 64
)

// item is what is kept in memory of an entry: some 200 bytes, whatever its JSON says.
type item struct {
	name, folder string
	// size on disk of both files, in bytes.
	size int64
	// asked: the entry's JSON was read, or could not be. Where it was not, the
	// folder and the name tell the signal and the time.
	asked          bool
	signal         delivery.Signal
	reason         string
	first, parked  time.Time
	records, bytes int
}

// found is the item of files of which nobody has read what they say.
func found(folder, name string, size int64) item {
	it := item{name: name, folder: folder, size: size, first: time.Unix(0, when(name)).UTC()}
	if folder == damagedFolder {
		it.reason = Unreadable
	} else {
		it.signal = delivery.Signal(folder)
	}
	return it
}

func (it *item) learn(e Entry) {
	it.asked, it.signal, it.first, it.parked = true, e.Signal, e.First, e.Parked
	it.reason = unique.Make(e.Reason[:min(len(e.Reason), mostReason)]).Value()
	it.records, it.bytes = max(e.Records, 0), max(e.Bytes, 0)
}

// before is the order of entries: by the time in their names.
func (it item) before(o item) int {
	return cmp.Or(cmp.Compare(when(it.name), when(o.name)), strings.Compare(it.name, o.name))
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
	i, known := x.at(it.name)
	if known {
		x.size -= x.items[i].size
		x.items[i] = it
	} else {
		x.items = slices.Insert(x.items, i, it)
	}
	x.size += it.size
}

// fill adds many items that are not there yet.
func (x *index) fill(many []item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, it := range many {
		x.size += it.size
	}
	x.items = append(x.items, many...)
	slices.SortFunc(x.items, item.before)
}

// at is where the item of that name is, or would be. The caller holds mu.
func (x *index) at(name string) (int, bool) {
	return slices.BinarySearchFunc(x.items, item{name: name}, item.before)
}

// asked keeps what came of reading an item's JSON, if the item is there yet.
func (x *index) asked(name string, e Entry, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, known := x.at(name)
	switch {
	case !known:
	case err == nil:
		x.items[i].learn(e)
	default:
		x.items[i].asked = true
	}
}

// oldest are the items to remove for so many bytes, without the one of that name.
func (x *index) oldest(bytes int64, without string) (out []item) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, it := range x.items {
		if bytes <= 0 {
			break
		}
		if it.name != without {
			out = append(out, it)
			bytes -= it.size
		}
	}
	return out
}

func (x *index) remove(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, known := x.at(name); known {
		x.size -= x.items[i].size
		x.items = slices.Delete(x.items, i, i+1)
	}
}

func (x *index) find(name string) (item, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, known := x.at(name)
	if !known {
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
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, known := x.at(without); known {
		return x.size - x.items[i].size
	}
	return x.size
}
