package record

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	headerMagic = "MSHIPSEG"
	// HeaderSize is the length of a segment's header, in bytes.
	HeaderSize = 32

	atHeaderCRC     = 8
	atHeaderVersion = 12
	atHeaderSegment = 16
	atCutSegment    = 20
	atCutOffset     = 24

	markMagic = "MSE1"
	// MarkSize is the length of the mark behind the last record, in bytes.
	MarkSize = 32

	atMarkRecords = 12
	atMarkLSN     = 16
	atMarkOffset  = 24
)

// Header begins a segment.
type Header struct {
	Segment uint32
	// Cut, if Segment is not 0: what stands behind Offset of that segment, and
	// in all segments between it and this one, does not count. A flush or a write failed
	// there, and this segment holds it anew.
	Cut Cut
}

// Cut is a place where an earlier segment ends.
type Cut struct{ Segment, Offset uint32 }

// Append appends the header's bytes.
func (h Header) Append(dst []byte) []byte {
	b := make([]byte, HeaderSize)
	copy(b, headerMagic)
	binary.LittleEndian.PutUint16(b[atHeaderVersion:], Version)
	binary.LittleEndian.PutUint32(b[atHeaderSegment:], h.Segment)
	binary.LittleEndian.PutUint32(b[atCutSegment:], h.Cut.Segment)
	binary.LittleEndian.PutUint32(b[atCutOffset:], h.Cut.Offset)
	binary.LittleEndian.PutUint32(b[atHeaderCRC:], Checksum(b[atHeaderVersion:]))
	return append(dst, b...)
}

var (
	// ErrDamaged is bytes that are not as this program wrote them.
	ErrDamaged = errors.New("damaged")
	// ErrNewer is a format that this release does not know.
	ErrNewer = errors.New("written by a newer release")
)

// ParseHeader reads a header. Its errors are [ErrDamaged] and [ErrNewer].
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize || string(b[:atHeaderCRC]) != headerMagic ||
		Checksum(b[atHeaderVersion:HeaderSize]) != binary.LittleEndian.Uint32(b[atHeaderCRC:]) {
		return Header{}, ErrDamaged
	}
	if v := binary.LittleEndian.Uint16(b[atHeaderVersion:]); v != Version {
		return Header{}, fmt.Errorf("format version %d, this release knows %d: %w", v, Version, ErrNewer)
	}
	return Header{
		Segment: binary.LittleEndian.Uint32(b[atHeaderSegment:]),
		Cut:     Cut{binary.LittleEndian.Uint32(b[atCutSegment:]), binary.LittleEndian.Uint32(b[atCutOffset:])},
	}, nil
}

// Mark stands behind the last record, and is overwritten by the next one. It
// tells an end from damage, and from what a recycled file held in its earlier life.
type Mark struct {
	Segment uint32
	// Records in the segment so far.
	Records uint32
	// LSN of the last of them.
	LSN uint64
	// Offset of the mark in the file.
	Offset int64
}

// Append appends the mark's bytes.
func (m Mark) Append(dst []byte) []byte {
	b := make([]byte, MarkSize)
	copy(b, markMagic)
	binary.LittleEndian.PutUint32(b[atSegment:], m.Segment)
	binary.LittleEndian.PutUint32(b[atMarkRecords:], m.Records)
	binary.LittleEndian.PutUint64(b[atMarkLSN:], m.LSN)
	binary.LittleEndian.PutUint64(b[atMarkOffset:], uint64(m.Offset))
	binary.LittleEndian.PutUint32(b[atCRC:], Checksum(b[atSegment:]))
	return append(dst, b...)
}

// ParseMark reads a mark, if there is one.
func ParseMark(b []byte) (Mark, bool) {
	if len(b) < MarkSize || string(b[:atCRC]) != markMagic ||
		Checksum(b[atSegment:MarkSize]) != binary.LittleEndian.Uint32(b[atCRC:]) {
		return Mark{}, false
	}
	return Mark{
		Segment: binary.LittleEndian.Uint32(b[atSegment:]),
		Records: binary.LittleEndian.Uint32(b[atMarkRecords:]),
		LSN:     binary.LittleEndian.Uint64(b[atMarkLSN:]),
		Offset:  int64(binary.LittleEndian.Uint64(b[atMarkOffset:])),
	}, true
}
