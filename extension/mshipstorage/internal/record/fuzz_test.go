package record_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

const fuzzSegment = 3

// mended gives what looks like heads a right checksum, so that what they say is believed.
func mended(data []byte) []byte {
	data = bytes.Clone(data)
	for at := 0; ; at += 4 {
		i := bytes.Index(data[at:], []byte("MSR1"))
		if i < 0 || at+i+32 > len(data) {
			return data
		}
		at += i
		head := int(binary.LittleEndian.Uint32(data[at+12:]))
		if head < 32 || head > len(data)-at {
			continue
		}
		binary.LittleEndian.PutUint32(data[at+8:], fuzzSegment)
		binary.LittleEndian.PutUint32(data[at+4:], record.Checksum(data[at+8:at+head]))
	}
}

func FuzzScan(f *testing.F) {
	s := filled(f, fuzzSegment, 10, 6)
	f.Add(s.file(filled(f, 2, 0, 20).data), false)
	f.Add(s.data[:len(s.data)-5], true)
	f.Add(flipAt(s.file(nil), s.at[1].From+30), true)
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend {
			data = mended(data)
		}
		before := allocated()
		found, findings := scanned(data, fuzzSegment)
		assert.Less(t, allocated()-before, uint64(1<<20+400*len(data)))
		checkFindings(t, data, found, findings)
		for _, r := range found {
			checkRecord(t, data, r)
		}
	})
}

func checkFindings(t *testing.T, data []byte, found []record.Record, f record.Findings) {
	t.Helper()
	assert.Len(t, found, int(f.Records))
	assert.GreaterOrEqual(t, f.End, int64(record.HeaderSize))
	assert.LessOrEqual(t, f.End, max(int64(len(data)), record.HeaderSize))
	at := int64(record.HeaderSize)
	for _, r := range f.Damaged {
		assert.GreaterOrEqual(t, r.From, at)
		assert.Positive(t, r.Len())
		at = r.To
	}
	assert.LessOrEqual(t, at, f.End)
	assert.GreaterOrEqual(t, f.Torn.Len(), int64(0))
	if f.Torn.Len() > 0 {
		assert.Equal(t, f.End, f.Torn.From)
		assert.LessOrEqual(t, f.Torn.To, int64(len(data)))
	}
	lsn := uint64(0)
	for _, r := range found {
		assert.Greater(t, r.LSN, lsn)
		lsn = r.LSN
	}
	assert.Equal(t, lsn, f.LSN)
}

// checkRecord: it is the bytes that stand there, and its values have their checksums.
func checkRecord(t *testing.T, data []byte, r record.Record) {
	t.Helper()
	bodies, first := [][]byte{}, uint32(0)
	for _, op := range r.Ops {
		assert.LessOrEqual(t, len(op.Small), record.SmallMax)
		if op.Kind != record.Set {
			continue
		}
		if len(bodies) == 0 {
			first = op.Value.Offset
		}
		body := data[op.Value.Offset : op.Value.Offset+op.Value.Length]
		assert.Equal(t, op.Value.CRC, record.Checksum(body))
		bodies = append(bodies, body)
	}
	e := encoded(t, r, bodies...)
	if len(bodies) == 0 {
		return
	}
	// An encoder may write a number shorter than it stood there, never longer.
	e.Place(fuzzSegment, int64(first)-int64(headOf(e)), r.LSN)
	assert.Equal(t, asRead(r), asRead(e.Record))
}

func headOf(e *record.Encoded) uint32 { return binary.LittleEndian.Uint32(e.Bytes[12:]) }

func FuzzParseSummary(f *testing.F) {
	s := filled(f, fuzzSegment, 10, 8)
	whole := s.summary.Encode(s.mark())
	f.Add(whole, false)
	f.Add(whole[:len(whole)-3], true)
	f.Add(flipAt(bytes.Clone(whole), 45), true)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend && len(b) >= 40 {
			b = bytes.Clone(b)
			copy(b, "MSHIPIDX")
			binary.LittleEndian.PutUint16(b[12:], record.Version)
			binary.LittleEndian.PutUint32(b[8:], record.Checksum(b[12:]))
		}
		before := allocated()
		_, err := record.ParseSummary(b)
		assert.Less(t, allocated()-before, uint64(1<<20+100*len(b)))
		if err != nil {
			require.ErrorIs(t, err, record.ErrDamaged)
			return
		}
		record.WalkSummary(b, func(_ string, op record.Op) {
			assert.GreaterOrEqual(t, op.Kind, record.SetSmall)
			assert.LessOrEqual(t, op.Kind, record.Shift)
			assert.LessOrEqual(t, len(op.Small), record.SmallMax)
		})
	})
}

// FuzzRecord writes any record and reads it again, as a record and in a summary.
func FuzzRecord(f *testing.F) {
	f.Add("exporter mship logs", "qmv0", []byte("metadata"), "17", []byte("a batch"), uint64(1), uint64(2), uint64(3), int64(32))
	f.Add("", "", []byte{}, "", []byte{}, uint64(0), uint64(0), uint64(0), int64(1<<30))
	f.Fuzz(func(t *testing.T, client, key string, small []byte, item string, body []byte, from, count, by uint64, lsn int64) {
		small = small[:min(len(small), record.SmallMax)]
		ops := []record.Op{setSmall(key, string(small)), set(item, body), deleted(key), shift(from, count, by), set(key, small)}
		s := newSegment(t, fuzzSegment, uint64(max(lsn, 0)))
		s.add(record.Record{Client: client, Ops: ops}, body, small)
		s.add(record.Record{Client: client})
		found, findings := scanned(s.file(nil), fuzzSegment)
		require.Len(t, found, len(s.records))
		assert.Equal(t, asRead(s.records[0])[0].Ops, asRead(found[0])[0].Ops)
		assert.Equal(t, int64(len(s.data)), findings.End)
		b := s.summary.Encode(s.mark())
		end, err := record.ParseSummary(b)
		require.NoError(t, err)
		assert.Equal(t, s.mark(), end)
	})
}
