package index_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// scales weigh what the segments hold.
type scales map[uint32]int64

func (s scales) weigh(segment uint32, bytes int64) {
	if s[segment] += bytes; s[segment] == 0 {
		delete(s, segment)
	}
}

func at(segment, offset, length uint32) index.Entry {
	return index.Entry{Place: index.Place{Segment: segment, Value: record.Value{Offset: offset, Length: length, Raw: 2 * length, CRC: offset ^ length}}}
}

func small(segment uint32, value string) index.Entry {
	return index.Entry{Place: index.Place{Segment: segment}, Small: []byte(value)}
}

func shift(from, count, by uint64) record.Op {
	return record.Op{Kind: record.Shift, From: from, Count: count, By: by}
}

// filled has these items, all in the segment of their number.
func filled(w index.Weigh, numbers ...uint64) *index.Index {
	x := index.New(w)
	for _, n := range numbers {
		x.Put(strconv.FormatUint(n, 10), at(uint32(n%1000)+1, uint32(n), 10))
	}
	return x
}

func TestKeys(t *testing.T) {
	w := scales{}
	x := index.New(w.weigh)
	entries := map[string]index.Entry{
		"": small(1, ""), "a": small(1, "value"), "b": at(2, 100, 600), "7": at(2, 700, 3), "007": at(3, 0, 9),
		"0": at(3, 9, 1), "18446744073709551615": at(3, 10, 1), "18446744073709551616": small(3, "not an item"),
	}
	for key, e := range entries {
		_, there := x.Get(key)
		require.False(t, there, key)
		x.Put(key, at(9, 9, 9))
		x.Put(key, e)
	}
	for key, e := range entries {
		got, there := x.Get(key)
		assert.True(t, there, key)
		assert.Equal(t, e, got, key)
	}
	assert.Equal(t, entries, maps.Collect(x.Keys()))
	assert.ElementsMatch(t, []string{"", "a"}, slices.Collect(x.In(1)))
	assert.ElementsMatch(t, []string{"b", "7"}, slices.Collect(x.In(2)))
	assert.Empty(t, slices.Collect(x.In(9)))
	count, raw := x.Items()
	assert.Equal(t, 3, count)
	assert.Equal(t, int64(2*(3+1+1)), raw)
	assert.Equal(t, []index.Run{{From: 0, Count: 1}, {From: 7, Count: 1}, {From: 1<<64 - 1, Count: 1}}, x.Runs())
	assert.Len(t, w, 3, "nothing is left in segment 9: %v", w)

	for key := range entries {
		x.Delete(key)
		x.Delete(key)
		_, there := x.Get(key)
		assert.False(t, there, key)
	}
	assert.Empty(t, w)
	assert.Empty(t, maps.Collect(x.Keys()))
	count, raw = x.Items()
	assert.Zero(t, count)
	assert.Zero(t, raw)
}

func TestAWalkMayEnd(*testing.T) {
	x := filled(scales{}.weigh, 1, 2, 3)
	x.Put("a", small(2, "a"))
	x.Put("b", small(2, "b"))
	for range x.Keys() {
		break
	}
	for range x.In(2) {
		break
	}
	x.Delete("a")
	x.Delete("b")
	for range x.Keys() {
		break
	}
	for range x.In(2) {
		break
	}
}

func TestApply(t *testing.T) {
	w := scales{}
	x := index.New(w.weigh)
	v := record.Value{Offset: 1, Length: 2, Raw: 3, CRC: 4}
	x.Apply(5, record.Op{Kind: record.Set, Key: "1", Value: v})
	x.Apply(5, record.Op{Kind: record.Set, Key: "k", Value: v})
	x.Apply(6, record.Op{Kind: record.SetSmall, Key: "s", Small: []byte("v")})
	x.Apply(7, shift(1, 1, 9))
	x.Apply(7, record.Op{Kind: record.Delete, Key: "k"})
	x.Apply(7, record.Op{Kind: 99, Key: "s"})
	assert.Equal(t, map[string]index.Entry{
		"10": {Place: index.Place{Segment: 5, Value: v}},
		"s":  {Place: index.Place{Segment: 6}, Small: []byte("v")},
	}, maps.Collect(x.Keys()))
	assert.Len(t, w, 2)
}

func TestShift(t *testing.T) {
	for name, test := range map[string]struct {
		items []uint64
		op    record.Op
		// want are the items by where they are and which they were.
		want map[uint64]uint64
	}{
		"one":                   {[]uint64{5}, shift(5, 1, 4), map[uint64]uint64{9: 5}},
		"by nothing":            {[]uint64{5}, shift(5, 1, 0), map[uint64]uint64{5: 5}},
		"onto itself":           {[]uint64{1, 2, 3}, shift(1, 3, 1), map[uint64]uint64{2: 1, 3: 2, 4: 3}},
		"over chunks":           {[]uint64{14, 15, 16, 17}, shift(14, 4, 100), map[uint64]uint64{114: 14, 115: 15, 116: 16, 117: 17}},
		"with gaps":             {[]uint64{1, 3, 9}, shift(1, 4, 2), map[uint64]uint64{3: 1, 5: 3, 9: 9}},
		"others stay":           {[]uint64{1, 2, 3}, shift(2, 1, 10), map[uint64]uint64{1: 1, 12: 2, 3: 3}},
		"onto another":          {[]uint64{1, 2, 5}, shift(2, 1, 3), map[uint64]uint64{1: 1, 5: 2}},
		"nothing there":         {[]uint64{1}, shift(7, 3, 1), map[uint64]uint64{1: 1}},
		"longer than all there": {[]uint64{1, 2}, shift(0, 1<<63, 7), map[uint64]uint64{8: 1, 9: 2}},
		"all numbers":           {[]uint64{1, 2}, shift(0, 1<<64-1, 7), map[uint64]uint64{8: 1, 9: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := scales{}
			x := filled(w.weigh, test.items...)
			x.Apply(1, test.op)
			got := map[uint64]uint64{}
			for key, e := range x.Keys() {
				n, err := strconv.ParseUint(key, 10, 64)
				require.NoError(t, err)
				got[n] = uint64(e.Place.Offset)
			}
			assert.Equal(t, test.want, got)
			count, raw := x.Items()
			assert.Equal(t, len(test.want), count)
			assert.Equal(t, int64(20*len(test.want)), raw)
			for n := range test.want {
				x.Delete(strconv.FormatUint(n, 10))
			}
			assert.Empty(t, w)
		})
	}
}

func TestRuns(t *testing.T) {
	for _, test := range []struct {
		items []uint64
		want  []index.Run
	}{
		{nil, nil},
		{[]uint64{7}, []index.Run{{From: 7, Count: 1}}},
		{[]uint64{15, 16, 17}, []index.Run{{From: 15, Count: 3}}},
		{[]uint64{1, 2, 4, 40, 41}, []index.Run{{From: 1, Count: 2}, {From: 4, Count: 1}, {From: 40, Count: 2}}},
		{[]uint64{100, 3, 2}, []index.Run{{From: 2, Count: 2}, {From: 100, Count: 1}}},
	} {
		assert.Equal(t, test.want, filled(scales{}.weigh, test.items...).Runs())
	}
}

// After any operations the weight of a segment is that of what stands in it.
func TestTheWeightIsRight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := scales{}
	x := index.New(w.weigh)
	key := func() string { return []string{"a", "b", "c", ""}[r.IntN(4)] }
	item := func() string { return strconv.Itoa(r.IntN(60)) }
	for range 20_000 {
		segment := uint32(1 + r.IntN(5))
		switch r.IntN(6) {
		case 0:
			x.Put(key(), small(segment, fmt.Sprint(r.IntN(100000))))
		case 1:
			x.Put(key(), at(segment, 1, uint32(r.IntN(900))))
		case 2, 3:
			x.Put(item(), at(segment, 1, uint32(1+r.IntN(900))))
		case 4:
			x.Delete(item())
			x.Delete(key())
		default:
			x.Apply(segment, shift(uint64(r.IntN(60)), uint64(r.IntN(5)), uint64(r.IntN(5))))
		}
	}
	fresh := scales{}
	twin := index.New(fresh.weigh)
	count := 0
	for key, e := range x.Keys() {
		twin.Put(key, e)
		count++
	}
	assert.Equal(t, fresh, w)
	items, _ := x.Items()
	assert.Positive(t, items)
	for key := range maps.Collect(x.Keys()) {
		x.Delete(key)
		count--
	}
	assert.Zero(t, count)
	assert.Empty(t, w)
}

func TestMemory(t *testing.T) {
	const items = 1_000_000
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	x := index.New(func(uint32, int64) {})
	for n := range items {
		x.Put(strconv.Itoa(12345+n), at(uint32(n/1000)+1, uint32(n), 4096))
	}
	each := float64(used()-before) / items
	t.Logf("%.1f bytes of memory an item", each)
	assert.LessOrEqual(t, each, 32.0)
	for n := range items {
		x.Delete(strconv.Itoa(12345 + n))
	}
	count, _ := x.Items()
	assert.Zero(t, count)
	runtime.KeepAlive(x)
}

// A queue passes through: what was in it leaves nothing behind.
func BenchmarkQueue(b *testing.B) {
	x := index.New(func(uint32, int64) {})
	for n := range b.N {
		x.Put(strconv.Itoa(n), at(1, 1, 1))
		if n >= 1000 {
			x.Delete(strconv.Itoa(n - 1000))
		}
	}
}
