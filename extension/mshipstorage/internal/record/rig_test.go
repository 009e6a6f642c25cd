package record_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// set is an operation that stores body under key.
func set(key string, body []byte) record.Op {
	return record.Op{Kind: record.Set, Key: key, Value: record.Value{
		Length: uint32(len(body)), Raw: uint32(2 * len(body)), CRC: record.Checksum(body),
	}}
}

func setSmall(key, value string) record.Op {
	return record.Op{Kind: record.SetSmall, Key: key, Small: []byte(value)}
}

func deleted(key string) record.Op { return record.Op{Kind: record.Delete, Key: key} }

func shift(from, count, by uint64) record.Op {
	return record.Op{Kind: record.Shift, From: from, Count: count, By: by}
}

func encoded(t testing.TB, r record.Record, bodies ...[]byte) *record.Encoded {
	t.Helper()
	e, err := record.Encode(r, bodies)
	require.NoError(t, err)
	return e
}

// segment is a segment's file as the store writes it.
type segment struct {
	t       testing.TB
	id      uint32
	data    []byte
	records []record.Record
	// at are the records' bytes.
	at      []record.Range
	summary record.Summary
	lsn     uint64
}

func newSegment(t testing.TB, id uint32, lsn uint64) *segment {
	t.Helper()
	return &segment{t: t, id: id, lsn: lsn, data: record.Header{Segment: id}.Append(nil)}
}

func (s *segment) add(r record.Record, bodies ...[]byte) {
	s.t.Helper()
	e := encoded(s.t, r, bodies...)
	s.lsn++
	from := int64(len(s.data))
	e.Place(s.id, from, s.lsn)
	s.data = append(s.data, e.Bytes...)
	s.records = append(s.records, e.Record)
	s.at = append(s.at, record.Range{From: from, To: int64(len(s.data))})
	s.summary.Add(e.Record)
}

func (s *segment) mark() record.Mark {
	m := record.Mark{Segment: s.id, Records: uint32(len(s.records)), Offset: int64(len(s.data))}
	if len(s.records) > 0 {
		m.LSN = s.lsn
	}
	return m
}

// file is the segment with its mark, and with what a longer file held before.
func (s *segment) file(stale []byte) []byte {
	b := s.mark().Append(append([]byte{}, s.data...))
	if len(stale) > len(b) {
		b = append(b, stale[len(b):]...)
	}
	return b
}

// filled is a segment of n records of a queue and others.
func filled(t testing.TB, id uint32, lsn uint64, n int) *segment {
	t.Helper()
	s := newSegment(t, id, lsn)
	r := rand.New(rand.NewPCG(uint64(id), uint64(n)))
	body := func() []byte {
		b := make([]byte, 1+r.IntN(700))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	for i := range n {
		switch i % 5 {
		case 0, 1:
			b := body()
			s.add(record.Record{Client: "queue", Ops: []record.Op{setSmall("qmv0", fmt.Sprint(i)), set(fmt.Sprint(i), b), deleted("journal")}}, b)
		case 2:
			b, c := body(), body()
			s.add(record.Record{Client: "other", Ops: []record.Op{set("x", b), deleted("y"), set("z", c)}}, b, c)
		case 3:
			s.add(record.Record{Client: "queue", Ops: []record.Op{setSmall("qmv0", fmt.Sprint(i)), deleted(fmt.Sprint(i - 3)), setSmall("ledger", "")}})
		default:
			s.add(record.Record{Client: "queue", Ops: []record.Op{shift(1, 2, 3), setSmall("qmv0", fmt.Sprint(i))}})
		}
	}
	return s
}

// scanned are the records found, as they were written.
func scanned(data []byte, id uint32) ([]record.Record, record.Findings) {
	var out []record.Record
	f := record.Scan(data, id, func(r record.Record) { out = append(out, r) })
	return out, f
}

// asRead is a record as a scan gives it: a small value has no place.
func asRead(records ...record.Record) []record.Record {
	var out []record.Record
	for _, r := range records {
		ops := append([]record.Op{}, r.Ops...)
		for i := range ops {
			if ops[i].Kind == record.SetSmall {
				ops[i].Value = record.Value{}
			}
		}
		r.Ops = ops
		out = append(out, r)
	}
	return out
}
