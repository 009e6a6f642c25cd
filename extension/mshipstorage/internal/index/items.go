package index

import (
	"maps"
	"slices"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// chunkLen: items of a queue follow one another, so a chunk is full; where
// they do not, an item costs what any other key does.
const chunkLen = 16

type chunk struct {
	places [chunkLen]Place
	used   int
}

// items are places by number.
type items struct {
	chunks map[uint64]*chunk
	count  int
	raw    int64
}

func (t *items) get(n uint64) Place {
	c := t.chunks[n/chunkLen]
	if c == nil {
		return Place{}
	}
	return c.places[n%chunkLen]
}

// put sets an item, or forgets it if p is nowhere.
func (t *items) put(n uint64, p Place) {
	c := t.chunks[n/chunkLen]
	if c == nil {
		c = &chunk{}
		t.chunks[n/chunkLen] = c
	}
	t.count1(&c.places[n%chunkLen], c, -1)
	c.places[n%chunkLen] = p
	t.count1(&p, c, 1)
	if c.used == 0 {
		delete(t.chunks, n/chunkLen)
	}
}

func (t *items) count1(p *Place, c *chunk, by int) {
	if p.Segment == 0 {
		return
	}
	c.used += by
	t.count += by
	t.raw += int64(by) * int64(p.Raw)
}

// all items in the order of their numbers.
func (t *items) all(yield func(uint64, Place) bool) {
	for _, base := range slices.Sorted(maps.Keys(t.chunks)) {
		for i, p := range t.chunks[base].places {
			if p.Segment != 0 && !yield(base*chunkLen+uint64(i), p) {
				return
			}
		}
	}
}

func (t *items) unordered(yield func(uint64, Place) bool) {
	for base, c := range t.chunks {
		for i, p := range c.places {
			if p.Segment != 0 && !yield(base*chunkLen+uint64(i), p) {
				return
			}
		}
	}
}

// Run is Count numbers from From on.
type Run struct{ From, Count uint64 }

func (t *items) runs() []Run {
	var out []Run
	for n := range t.all {
		if last := len(out) - 1; last >= 0 && out[last].From+out[last].Count == n {
			out[last].Count++
			continue
		}
		out = append(out, Run{From: n, Count: 1})
	}
	return out
}

// shift moves a run up, from its end on, so that it may overlap its own goal.
func (t *items) shift(op record.Op, drop func(Entry)) {
	if op.By == 0 {
		return
	}
	for _, n := range t.within(op.From, op.Count) {
		p := t.get(n)
		if old := t.get(n + op.By); old.Segment != 0 {
			drop(Entry{Place: old})
		}
		t.put(n, Place{})
		t.put(n+op.By, p)
	}
}

// within are the items of a run, falling. A run of a damaged record may be
// longer than all there is: its length costs nothing.
func (t *items) within(from, count uint64) []uint64 {
	var out []uint64
	collect := func(n uint64, p Place) bool {
		if p.Segment != 0 && n >= from && n-from < count {
			out = append(out, n)
		}
		return true
	}
	if count/chunkLen > uint64(len(t.chunks)) {
		t.all(collect)
	} else {
		for i := range count {
			collect(from+i, t.get(from+i))
		}
	}
	slices.Reverse(out)
	return out
}
