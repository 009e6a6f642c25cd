package record

import (
	"encoding/binary"
	"fmt"
)

// ParseSummary checks a summary and tells at which mark its segment must end
// for it to count. Its error is [ErrDamaged].
func ParseSummary(b []byte) (end Mark, err error) {
	if len(b) < summaryHead || string(b[:atHeaderCRC]) != summaryMagic ||
		Checksum(b[atHeaderVersion:]) != binary.LittleEndian.Uint32(b[atHeaderCRC:]) ||
		binary.LittleEndian.Uint16(b[atHeaderVersion:]) != Version {
		return Mark{}, fmt.Errorf("summary of %d bytes: %w", len(b), ErrDamaged)
	}
	if err := walkSummary(b[summaryHead:], func(string, Op) {}); err != nil {
		return Mark{}, err
	}
	return Mark{
		Segment: binary.LittleEndian.Uint32(b[atHeaderSegment:]),
		Records: binary.LittleEndian.Uint32(b[atSummaryRecords:]),
		LSN:     binary.LittleEndian.Uint64(b[atSummaryLSN:]),
		Offset:  int64(binary.LittleEndian.Uint64(b[atSummaryOffset:])),
	}, nil
}

// WalkSummary calls found with what the records of the segment come to, one
// operation at a time, of a summary that [ParseSummary] found whole.
func WalkSummary(b []byte, found func(client string, op Op)) {
	_ = walkSummary(b[summaryHead:], found)
}

func walkSummary(stream []byte, found func(client string, op Op)) error {
	in := reader{left: stream}
	name := ""
	for len(in.left) > 0 && !in.bad {
		if Kind(in.left[0]) == client {
			in.take(1)
			name = in.string()
			continue
		}
		op := in.op()
		if op.Kind == Set {
			op.Value.Offset = in.uint32()
		}
		if !in.bad {
			found(name, op)
		}
	}
	if in.bad {
		return fmt.Errorf("summary of %d bytes does not decode: %w", len(stream), ErrDamaged)
	}
	return nil
}
