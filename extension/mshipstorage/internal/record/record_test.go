package record_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// The bytes on disk. Whoever changes them changes the format: see FORMAT.md.
func TestTheBytes(t *testing.T) {
	s := newSegment(t, 7, 40)
	s.add(record.Record{Client: "queue", Ops: []record.Op{
		setSmall("qmv0", "abc"), set("300", []byte("body")), deleted("journal"), shift(5, 300, 1),
	}}, []byte("body"))
	s.add(record.Record{Client: "other", Ops: []record.Op{deleted("x")}})
	for name, test := range map[string]struct {
		got  []byte
		want string
	}{
		"header": {record.Header{Segment: 7, Cut: record.Cut{Segment: 5, Offset: 4096}}.Append(nil), `
			4d53484950534547 cd139736 0100 0000 07000000
			05000000 00100000 00000000`},
		"mark": {record.Mark{Segment: 7, Records: 2, LSN: 42, Offset: 65536}.Append(nil), `
			4d534531 60adca68 07000000 02000000
			2a00000000000000 0000010000000000`},
		"record": {s.data[s.at[0].From:s.at[0].To], `
			4d535231 28bf70c5 07000000 49000000 2900000000000000 04000000 04000000
			05 7175657565
			01 04 716d7630 03 616263
			02 03 333030 04 08 50c93f26
			03 07 6a6f75726e616c
			04 05 ac02 01
			626f6479`},
		"summary": {s.summary.Encode(s.mark()), `
			4d53484950494458 d9ade5f9 0100 0000 07000000
			02000000 2a00000000000000 9600000000000000
			05 05 7175657565
			02 03 333030 04 08 50c93f26 69000000
			03 07 6a6f75726e616c
			04 05 ac02 01
			05 05 6f74686572
			03 01 78
			05 05 7175657565
			01 04 716d7630 03 616263`},
	} {
		assert.Equal(t, strings.Join(strings.Fields(test.want), ""), hex.EncodeToString(test.got), name)
	}
}

func TestHeader(t *testing.T) {
	for _, h := range []record.Header{{}, {Segment: 1}, {Segment: 1<<32 - 1, Cut: record.Cut{Segment: 3, Offset: 1 << 31}}} {
		b := h.Append([]byte("before"))
		require.Len(t, b, len("before")+record.HeaderSize)
		got, err := record.ParseHeader(append(b[len("before"):], "behind"...))
		require.NoError(t, err)
		assert.Equal(t, h, got)
	}
}

func TestAHeaderIsChecked(t *testing.T) {
	whole := record.Header{Segment: 3}.Append(nil)
	for n := range whole {
		_, err := record.ParseHeader(whole[:n])
		require.ErrorIs(t, err, record.ErrDamaged, "cut at %d", n)
		flipped := bytes.Clone(whole)
		flipped[n] ^= 4
		_, err = record.ParseHeader(flipped)
		require.ErrorIs(t, err, record.ErrDamaged, "flipped at %d", n)
	}
	newer := bytes.Clone(whole)
	newer[12] = record.Version + 1
	binary.LittleEndian.PutUint32(newer[8:], record.Checksum(newer[12:]))
	_, err := record.ParseHeader(newer)
	require.ErrorIs(t, err, record.ErrNewer)
	assert.EqualError(t, err, "format version 2, this release knows 1: written by a newer release")
}

func TestMark(t *testing.T) {
	m := record.Mark{Segment: 9, Records: 1 << 31, LSN: 1 << 63, Offset: 1 << 40}
	whole := m.Append(nil)
	require.Len(t, whole, record.MarkSize)
	got, ok := record.ParseMark(append(bytes.Clone(whole), 1, 2, 3))
	assert.True(t, ok)
	assert.Equal(t, m, got)
	for n := range whole {
		_, ok = record.ParseMark(whole[:n])
		assert.False(t, ok, "cut at %d", n)
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x80
		_, ok = record.ParseMark(flipped)
		assert.False(t, ok, "flipped at %d", n)
	}
}

func TestARecordIsPlacedAnywhere(t *testing.T) {
	e := encoded(t, record.Record{Client: "c", Ops: []record.Op{set("1", []byte("one")), setSmall("k", "v"), set("2", []byte("twos"))}},
		[]byte("one"), []byte("twos"))
	for _, at := range []struct {
		segment uint32
		offset  int64
		lsn     uint64
	}{{1, 32, 1}, {2, 100, 9}} {
		e.Place(at.segment, at.offset, at.lsn)
		assert.Equal(t, at.lsn, e.LSN)
		data := append(make([]byte, at.offset), e.Bytes...)
		for i, want := range map[int]string{0: "one", 2: "twos"} {
			v := e.Ops[i].Value
			assert.Equal(t, want, string(data[v.Offset:v.Offset+v.Length]))
		}
		assert.Equal(t, uint32(at.offset), e.Ops[1].Value.Offset)
		if at.offset == record.HeaderSize {
			found, f := scanned(data, at.segment)
			assert.Equal(t, asRead(e.Record), found)
			end := int64(len(data))
			assert.Equal(t, record.Findings{End: end, Records: 1, LSN: at.lsn, Torn: record.Range{From: end, To: end}}, f)
		}
	}
}

func TestTheMarkFollowsWithoutACopy(t *testing.T) {
	e := encoded(t, record.Record{Client: "c", Ops: []record.Op{set("1", make([]byte, 1000))}}, make([]byte, 1000))
	e.Place(1, 32, 1)
	assert.GreaterOrEqual(t, cap(e.Bytes)-len(e.Bytes), record.MarkSize)
}

func TestARecordHasAnEnd(t *testing.T) {
	body := make([]byte, record.MaxSize/2)
	_, err := record.Encode(record.Record{}, [][]byte{body, body})
	require.ErrorIs(t, err, record.ErrTooLarge)
	assert.ErrorContains(t, err, "a batch of 268435489 bytes")
}

func TestSummary(t *testing.T) {
	s := filled(t, 3, 10, 23)
	b := s.summary.Encode(s.mark())
	end, err := record.ParseSummary(b)
	require.NoError(t, err)
	assert.Equal(t, s.mark(), end)
	assert.Equal(t, outcome(s.records...), outcomeOfSummary(b))
	for n := range b {
		_, err := record.ParseSummary(b[:n])
		require.ErrorIs(t, err, record.ErrDamaged, "cut at %d", n)
		flipped := bytes.Clone(b)
		flipped[n] ^= 1
		_, err = record.ParseSummary(flipped)
		require.ErrorIs(t, err, record.ErrDamaged, "flipped at %d", n)
	}
}

// What a segment's records come to does not depend on how they are read.
func TestASummaryComesToTheSame(t *testing.T) {
	body := []byte("a body")
	for name, ops := range map[string][]record.Op{
		"small, then large":          {setSmall("k", "v"), set("k", body)},
		"large, then small":          {set("k", body), setSmall("k", "v")},
		"small, then deleted":        {setSmall("k", "v"), deleted("k")},
		"deleted, then small":        {deleted("k"), setSmall("k", "v")},
		"small twice":                {setSmall("k", "v"), setSmall("k", "w")},
		"a key without a name":       {setSmall("", "v"), shift(1, 2, 3)},
		"shifts and items in order":  {set("1", body), shift(1, 1, 4), set("1", body), shift(1, 9, 1), deleted("2")},
		"an empty value":             {setSmall("k", "")},
		"nothing":                    nil,
		"deleted, never there":       {deleted("k")},
		"large, deleted, then small": {set("k", body), deleted("k"), setSmall("k", "v"), setSmall("l", "v")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSegment(t, 1, 0)
			for _, op := range ops {
				var bodies [][]byte
				if op.Kind == record.Set {
					bodies = append(bodies, body)
				}
				s.add(record.Record{Client: "a", Ops: []record.Op{op}}, bodies...)
				s.add(record.Record{Client: "b", Ops: []record.Op{op}}, bodies...)
			}
			b := s.summary.Encode(s.mark())
			_, err := record.ParseSummary(b)
			require.NoError(t, err)
			assert.Equal(t, outcome(s.records...), outcomeOfSummary(b))
		})
	}
}

// outcome follows records in a map: client, key and value.
func outcome(records ...record.Record) map[string]map[string]string {
	out := world{}
	for _, r := range records {
		for _, op := range r.Ops {
			out.apply(r.Client, op)
		}
	}
	return out
}

func outcomeOfSummary(b []byte) map[string]map[string]string {
	out := world{}
	record.WalkSummary(b, out.apply)
	return out
}
