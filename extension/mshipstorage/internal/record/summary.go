package record

import (
	"encoding/binary"
	"maps"
	"slices"
)

const (
	summaryMagic = "MSHIPIDX"

	atSummaryRecords = 20
	atSummaryLSN     = 24
	atSummaryOffset  = 32
	summaryHead      = 40

	// client in a summary names the client whose operations follow.
	client Kind = 5
)

// Summary collects what the records of one segment come to, so that it need
// not be read at the next start. It is a shortcut: without it, or where it
// does not fit its segment, the segment is scanned.
type Summary struct {
	stream  []byte
	current string
	// small are the last values of small keys: most records set the same one anew.
	small map[string]map[string][]byte
}

// Add takes in the next record of the segment.
func (s *Summary) Add(r Record) {
	for _, op := range r.Ops {
		if op.Kind == SetSmall {
			s.smallOf(r.Client)[op.Key] = op.Small
			continue
		}
		if op.Kind != Shift { // which has no key, and moves none that is small
			delete(s.small[r.Client], op.Key)
		}
		s.append(r.Client, op)
	}
}

func (s *Summary) smallOf(name string) map[string][]byte {
	if s.small == nil {
		s.small = map[string]map[string][]byte{}
	}
	if s.small[name] == nil {
		s.small[name] = map[string][]byte{}
	}
	return s.small[name]
}

func (s *Summary) append(name string, op Op) {
	if s.current != name {
		s.stream = appendString(append(s.stream, byte(client)), name)
		s.current = name
	}
	s.stream = appendOp(s.stream, op)
	if op.Kind == Set {
		s.stream = binary.LittleEndian.AppendUint32(s.stream, op.Value.Offset)
	}
}

// Encode makes the bytes of the summary of a segment that ends with this mark.
// The summary takes no more records after it.
func (s *Summary) Encode(end Mark) []byte {
	for _, name := range slices.Sorted(maps.Keys(s.small)) {
		for _, key := range slices.Sorted(maps.Keys(s.small[name])) {
			s.append(name, Op{Kind: SetSmall, Key: key, Small: s.small[name][key]})
		}
	}
	b := make([]byte, summaryHead, summaryHead+len(s.stream))
	copy(b, summaryMagic)
	binary.LittleEndian.PutUint16(b[atHeaderVersion:], Version)
	binary.LittleEndian.PutUint32(b[atHeaderSegment:], end.Segment)
	binary.LittleEndian.PutUint32(b[atSummaryRecords:], end.Records)
	binary.LittleEndian.PutUint64(b[atSummaryLSN:], end.LSN)
	binary.LittleEndian.PutUint64(b[atSummaryOffset:], uint64(end.Offset))
	b = append(b, s.stream...)
	binary.LittleEndian.PutUint32(b[atHeaderCRC:], Checksum(b[atHeaderVersion:]))
	return b
}
