package record_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// scanCase damages the file of a segment of ten records. Left are those that
// must be found, by their number.
type scanCase struct {
	damage  func(s *segment, b []byte) []byte
	left    []int
	damaged []int // what is skipped: whole records, by their number
	// torn: the last so many bytes stand behind the end.
	torn int64
	end  int // the number of the record that ends there
}

func zero(b []byte, r record.Range) []byte {
	clear(b[r.From:r.To])
	return b
}

func flipAt(b []byte, i int64) []byte {
	b[i] ^= 0x10
	return b
}

func scanCases() map[string]scanCase {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	without := func(gone ...int) (out []int) {
		for _, i := range all {
			if !slices.Contains(gone, i) {
				out = append(out, i)
			}
		}
		return out
	}
	return map[string]scanCase{
		"whole": {damage: func(_ *segment, b []byte) []byte { return b }, left: all, end: 9},
		"the mark is missing": {
			damage: func(s *segment, _ []byte) []byte { return s.data }, left: all, end: 9,
		},
		"a mark of zeros": {
			damage: func(s *segment, b []byte) []byte {
				return zero(b, record.Range{From: int64(len(s.data)), To: int64(len(b))})
			}, left: all, end: 9,
		},
		"the end is cut": {
			damage: func(s *segment, _ []byte) []byte { return s.data[:len(s.data)-1] },
			left:   without(9), torn: -1, end: 8,
		},
		"only the head of the last is there": {
			damage: func(s *segment, _ []byte) []byte { return s.data[:s.at[9].From+13] },
			left:   without(9), torn: 13, end: 8,
		},
		"a head is flipped": {
			damage: func(s *segment, b []byte) []byte { return flipAt(b, s.at[3].From+20) },
			left:   without(3), damaged: []int{3}, end: 9,
		},
		"a magic is flipped": {
			damage: func(s *segment, b []byte) []byte { return flipAt(b, s.at[3].From) },
			left:   without(3), damaged: []int{3}, end: 9,
		},
		"a value is flipped": {
			damage: func(s *segment, b []byte) []byte { return flipAt(b, s.at[5].To-1) },
			left:   without(5), damaged: []int{5}, end: 9,
		},
		"the first is zeros": {
			damage: func(s *segment, b []byte) []byte { return zero(b, s.at[0]) },
			left:   without(0), damaged: []int{0}, end: 9,
		},
		"two at two places": {
			damage: func(s *segment, b []byte) []byte { return flipAt(flipAt(b, s.at[2].To-1), s.at[7].From+9) },
			left:   without(2, 7), damaged: []int{2, 7}, end: 9,
		},
		"the last is flipped and marked": {
			damage: func(s *segment, b []byte) []byte { return flipAt(b, s.at[9].From+9) },
			left:   without(9), damaged: []int{9}, end: 9,
		},
		"records of another segment behind": {
			damage: func(s *segment, _ []byte) []byte {
				return append(bytes.Clone(s.data), filled(s.t, 4, 99, 5).data...)
			}, left: all, torn: -1, end: 9,
		},
		"older records of this segment behind": {
			damage: func(s *segment, _ []byte) []byte {
				return append(bytes.Clone(s.data), filled(s.t, 3, 0, 5).data[record.HeaderSize:]...)
			}, left: all, torn: -1, end: 9,
		},
		"a recycled file": {
			damage: func(s *segment, _ []byte) []byte { return s.file(filled(s.t, 2, 0, 40).data) }, left: all, end: 9,
		},
		"records behind a mark": {
			damage: func(s *segment, b []byte) []byte {
				return append(b, s.data[s.at[9].From:]...)
			}, left: all, end: 9,
		},
		"nothing but zeros": {
			damage: func(_ *segment, b []byte) []byte { return make([]byte, len(b)) }, end: -1,
		},
		"a header alone": {
			damage: func(_ *segment, b []byte) []byte { return b[:record.HeaderSize] }, end: -1,
		},
		"empty": {damage: func(*segment, []byte) []byte { return nil }, end: -1},
		"less than a header": {
			damage: func(_ *segment, b []byte) []byte { return b[:9] }, end: -1,
		},
	}
}

func TestScan(t *testing.T) {
	for name, c := range scanCases() {
		t.Run(name, func(t *testing.T) {
			s := filled(t, 3, 10, 10)
			found, f := scanned(c.damage(s, s.file(nil)), 3)
			var want []record.Record
			for _, i := range c.left {
				want = append(want, s.records[i])
			}
			assert.Equal(t, asRead(want...), found)
			var damaged []record.Range
			for _, i := range c.damaged {
				damaged = append(damaged, s.at[i])
			}
			assert.Equal(t, damaged, f.Damaged)
			end := int64(record.HeaderSize)
			if c.end >= 0 {
				end = s.at[c.end].To
			}
			assert.Equal(t, end, f.End)
			assert.Equal(t, uint32(len(c.left)), f.Records)
			if c.torn < 0 {
				assert.Positive(t, f.Torn.Len())
			} else {
				assert.Equal(t, c.torn, f.Torn.Len())
			}
		})
	}
}

// A file that is cut anywhere has all records before the cut.
func TestACutAnywhere(t *testing.T) {
	s := filled(t, 3, 10, 10)
	for n := range s.data {
		whole := 0
		for whole < len(s.at) && s.at[whole].To <= int64(n) {
			whole++
		}
		found, f := scanned(s.data[:n], 3)
		require.Equal(t, asRead(s.records[:whole]...), found, "cut at %d", n)
		require.Empty(t, f.Damaged, "cut at %d", n)
	}
}

// A byte that is flipped anywhere costs one record.
func TestAFlipAnywhere(t *testing.T) {
	s := filled(t, 3, 10, 10)
	for n := record.HeaderSize; n < len(s.data); n++ {
		b := flipAt(s.file(nil), int64(n))
		gone := 0
		for s.at[gone].To <= int64(n) {
			gone++
		}
		found, f := scanned(b, 3)
		require.Equal(t, asRead(append(append([]record.Record{}, s.records[:gone]...), s.records[gone+1:]...)...), found, "flipped at %d", n)
		require.Equal(t, []record.Range{s.at[gone]}, f.Damaged, "flipped at %d", n)
	}
}

// A torn tail is kept for who wants to look at it, but not what was there before.
func TestATornTailIsBounded(t *testing.T) {
	s := filled(t, 3, 10, 2)
	stale := bytes.Repeat([]byte("stale"), 1<<16)
	_, f := scanned(append(bytes.Clone(s.data), stale...), 3)
	assert.Equal(t, int64(64<<10), f.Torn.Len())

	last := s.at[1]
	b := append(flipAt(bytes.Clone(s.data), last.To-1), stale...)
	_, f = scanned(b, 3)
	assert.Equal(t, last, f.Torn, "its head says how long it is")
}

// What a value holds is never taken for records: its bytes are those of others.
func TestAValueIsNotSearched(t *testing.T) {
	inner := filled(t, 3, 500, 3)
	s := newSegment(t, 3, 0)
	s.add(record.Record{Client: "c", Ops: []record.Op{set("1", inner.data)}}, inner.data)
	s.add(record.Record{Client: "c", Ops: []record.Op{deleted("x")}})
	b := flipAt(s.file(nil), s.at[0].To-1)
	found, f := scanned(b, 3)
	assert.Equal(t, asRead(s.records[1]), found)
	assert.Equal(t, s.at[:1], f.Damaged)
}

// allocated is how many bytes were allocated ever.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// lying is a head whose checksum is right and whose sizes are not.
func lying(change func(head []byte)) []byte {
	e, _ := record.Encode(record.Record{Client: "c", Ops: []record.Op{deleted("k"), setSmall("k", "v")}}, nil)
	e.Place(3, record.HeaderSize, 1)
	change(e.Bytes)
	binary.LittleEndian.PutUint32(e.Bytes[4:], record.Checksum(e.Bytes[8:]))
	return append(record.Header{Segment: 3}.Append(nil), e.Bytes...)
}

func TestSizesThatLie(t *testing.T) {
	for name, change := range map[string]func([]byte){
		"ops":         func(b []byte) { binary.LittleEndian.PutUint32(b[28:], 1<<31) },
		"one op more": func(b []byte) { b[28]++ },
		"one op less": func(b []byte) { b[28]-- },
		"body":        func(b []byte) { binary.LittleEndian.PutUint32(b[24:], 1<<31) },
		"name":        func(b []byte) { copy(b[32:], binary.AppendUvarint(nil, 1<<62)) },
		"kind":        func(b []byte) { b[34] = 9 },
		"small":       func(b []byte) { b[len(b)-2] = 0x7f },
	} {
		t.Run(name, func(t *testing.T) {
			data := lying(change)
			before := allocated()
			found, f := scanned(data, 3)
			assert.Less(t, allocated()-before, uint64(64<<10))
			assert.Empty(t, found)
			assert.Equal(t, int64(record.HeaderSize), f.End)
		})
	}
}

// A damaged segment full of what looks like heads is read in a time that
// grows with its length, not with the square of it.
func TestAScanIsNotQuadratic(t *testing.T) {
	head := make([]byte, 32)
	copy(head, "MSR1")
	binary.LittleEndian.PutUint32(head[8:], 3)
	binary.LittleEndian.PutUint32(head[12:], 3<<20)
	data := append(record.Header{Segment: 3}.Append(nil), bytes.Repeat(head, 4<<20/len(head))...)
	begun := time.Now()
	_, f := scanned(data, 3)
	assert.Zero(t, f.Records)
	assert.Less(t, time.Since(begun), 5*time.Second)
}
