// Package index knows where the values of a client stand. An item, a key that
// is a decimal number, costs at most 32 bytes of memory.
package index

import (
	"iter"
	"strconv"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// Place is where a value stands: a segment, and a part of its file.
type Place struct {
	// Segment is 0 for nowhere.
	Segment uint32
	record.Value
}

// Entry is what is known of a key.
type Entry struct {
	Place Place
	// Small is the value itself, if it is small; else nil.
	Small []byte
}

// overhead is what a key costs in a record beside its value, about, in bytes.
const overhead = 48

func (e Entry) weight() int64 { return overhead + int64(len(e.Small)) + int64(e.Place.Length) }

// Weigh hears that a segment holds so many bytes more, or less, that are needed.
type Weigh func(segment uint32, bytes int64)

// Index of one client. It has no lock of its own.
type Index struct {
	weigh Weigh
	items items
	keys  map[string]Entry
}

// New makes an empty one.
func New(weigh Weigh) *Index {
	return &Index{weigh: weigh, items: items{chunks: map[uint64]*chunk{}}, keys: map[string]Entry{}}
}

// Get looks a key up.
func (x *Index) Get(key string) (Entry, bool) {
	if n, ok := queuemetadata.Index(key); ok {
		p := x.items.get(n)
		return Entry{Place: p}, p.Segment != 0
	}
	e, ok := x.keys[key]
	return e, ok
}

// Apply follows an operation of a record in the segment.
func (x *Index) Apply(segment uint32, op record.Op) {
	switch op.Kind {
	case record.Set:
		x.Put(op.Key, Entry{Place: Place{segment, op.Value}})
	case record.SetSmall:
		x.Put(op.Key, Entry{Place: Place{segment, op.Value}, Small: op.Small})
	case record.Delete:
		x.Delete(op.Key)
	case record.Shift:
		x.items.shift(op, x.drop)
	}
}

// Put sets a key.
func (x *Index) Put(key string, e Entry) {
	x.Delete(key)
	x.weigh(e.Place.Segment, e.weight())
	if n, ok := queuemetadata.Index(key); ok {
		x.items.put(n, e.Place)
		return
	}
	x.keys[key] = e
}

// Delete forgets a key.
func (x *Index) Delete(key string) {
	e, ok := x.Get(key)
	if !ok {
		return
	}
	x.drop(e)
	if n, isItem := queuemetadata.Index(key); isItem {
		x.items.put(n, Place{})
		return
	}
	delete(x.keys, key)
}

func (x *Index) drop(e Entry) { x.weigh(e.Place.Segment, -e.weight()) }

// Keys are all keys with their entries, in no order. They must not change meanwhile.
func (x *Index) Keys() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		for key, e := range x.keys {
			if !yield(key, e) {
				return
			}
		}
		for n, p := range x.items.unordered {
			if !yield(strconv.FormatUint(n, 10), Entry{Place: p}) {
				return
			}
		}
	}
}

// In are the keys whose values stand in the segment. It is Keys, but quick.
func (x *Index) In(segment uint32) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key, e := range x.keys {
			if e.Place.Segment == segment && !yield(key) {
				return
			}
		}
		for n, p := range x.items.unordered {
			if p.Segment == segment && !yield(strconv.FormatUint(n, 10)) {
				return
			}
		}
	}
}

// Items is how many items there are, and their bytes before compression.
func (x *Index) Items() (count int, raw int64) { return x.items.count, x.items.raw }

// Runs are the items' numbers, rising, as runs without a gap.
func (x *Index) Runs() []Run { return x.items.runs() }
