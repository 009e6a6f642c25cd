package record

import (
	"bytes"
	"encoding/binary"
)

// Range is a part of a segment's file, in bytes.
type Range struct{ From, To int64 }

// Len in bytes.
func (r Range) Len() int64 { return r.To - r.From }

// Findings is what a scan found besides the records.
type Findings struct {
	// End is where the next record would stand: nothing beyond it counts.
	End int64
	// Records before End.
	Records uint32
	// LSN of the last of them; 0 if there is none.
	LSN uint64
	// Damaged are ranges before End that hold no whole record: skipped.
	Damaged []Range
	// Torn is what stands behind End and is not the mark of an end: a record
	// that was being written, or the last one, damaged. Empty if there is nothing.
	Torn Range
}

// tornMax bounds what is kept of a tail whose length nobody knows. A recycled
// segment holds megabytes of an earlier life there.
const tornMax = 64 << 10

// Scan finds the whole records in the bytes of a segment's file, in order, and
// calls found with each. It checks all checksums, so nothing damaged is ever
// found. What is damaged and followed by something whole is skipped; what is
// damaged and followed by nothing is the torn tail.
func Scan(data []byte, segment uint32, found func(Record)) Findings {
	s := scanner{data: data, segment: segment, found: found, at: HeaderSize, effort: 16 * int64(len(data))}
	for s.step() {
	}
	return s.Findings
}

type scanner struct {
	Findings
	data    []byte
	segment uint32
	found   func(Record)
	at      int64
	// effort is how many bytes of heads may be checked: what looks like heads, and
	// claims to be long, must not hold up a start.
	effort int64
}

// shortHead is how long a head may be that is always checked, in bytes.
const shortHead = 4 << 10

// step takes one record, or skips what is damaged. It gives false at the end.
func (s *scanner) step() bool {
	r, size, head := s.record(s.at)
	switch {
	case head && s.whole(r) && r.LSN > s.LSN:
		s.found(r)
		s.Records++
		s.LSN = r.LSN
		s.at += size
		s.End = s.at
		return true
	case s.mark(s.at):
		s.End = s.at
		return false
	}
	damaged := Range{From: s.at, To: s.resume(size)}
	if damaged.To < 0 {
		s.End = s.at
		s.Torn = s.torn(size)
		return false
	}
	s.Damaged = append(s.Damaged, damaged)
	s.at = damaged.To
	s.End = s.at
	return true
}

// resume finds where something whole begins behind the damage, or -1. size is
// the length of the record here, if its head says so, else 0: a value is never
// searched for records.
func (s *scanner) resume(size int64) int64 {
	from := s.at + max(size, 1)
	for from < int64(len(s.data)) {
		i := bytes.Index(s.data[from:], []byte("MS"))
		if i < 0 {
			return -1
		}
		from += int64(i)
		if s.mark(from) {
			return from
		}
		if r, _, head := s.record(from); head && r.LSN > s.LSN {
			return from
		}
		from++
	}
	return -1
}

// torn is what is worth keeping of the tail.
func (s *scanner) torn(size int64) Range {
	tail := s.data[min(s.at, int64(len(s.data))):]
	if size == 0 {
		size = tornMax
	}
	tail = tail[:min(size, int64(len(tail)))]
	tail = bytes.TrimRight(tail, "\x00")
	return Range{From: s.at, To: s.at + int64(len(tail))}
}

// record reads the head at this offset. ok: it is whole and of this segment.
func (s *scanner) record(at int64) (r Record, size int64, ok bool) {
	if at < 0 || at+headSize > int64(len(s.data)) {
		return Record{}, 0, false
	}
	data := s.data[at:]
	head := int64(binary.LittleEndian.Uint32(data[atHead:]))
	if string(data[:atCRC]) != recordMagic || binary.LittleEndian.Uint32(data[atSegment:]) != s.segment ||
		head < headSize || head > int64(len(data)) || head > max(shortHead, s.effort) {
		return Record{}, 0, false
	}
	s.effort -= head
	if Checksum(data[atSegment:head]) != binary.LittleEndian.Uint32(data[atCRC:]) {
		return Record{}, 0, false
	}
	r = Record{LSN: binary.LittleEndian.Uint64(data[atLSN:])}
	body := int64(binary.LittleEndian.Uint32(data[atBody:]))
	return r, head + body, r.parse(data[headSize:head], binary.LittleEndian.Uint32(data[atOps:]), at+head, body)
}

// parse reads what follows the fixed head. A head whose checksum is right and
// that makes no sense is not of this program.
func (r *Record) parse(head []byte, ops uint32, body, bodySize int64) bool {
	in := reader{left: head}
	r.Client = in.string()
	if int64(ops) > int64(len(head)) {
		return false
	}
	r.Ops = make([]Op, 0, ops)
	at := body
	for range ops {
		op := in.op()
		if op.Kind == Set {
			op.Value.Offset = uint32(at)
			at += int64(op.Value.Length)
		}
		r.Ops = append(r.Ops, op)
	}
	return !in.bad && len(in.left) == 0 && at == body+bodySize
}

// whole checks the values of a record.
func (s *scanner) whole(r Record) bool {
	for _, op := range r.Ops {
		if op.Kind != Set {
			continue
		}
		from, to := int64(op.Value.Offset), int64(op.Value.Offset)+int64(op.Value.Length)
		if to > int64(len(s.data)) || Checksum(s.data[from:to]) != op.Value.CRC {
			return false
		}
	}
	return true
}

func (s *scanner) mark(at int64) bool {
	if at < 0 || at+MarkSize > int64(len(s.data)) {
		return false
	}
	m, ok := ParseMark(s.data[at : at+MarkSize])
	return ok && m.Segment == s.segment && m.Offset == at
}
