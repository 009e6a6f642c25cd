// Package record is the bytes of a segment: its header, the records, the mark
// behind the last one, and the summary beside it. FORMAT.md is their document.
// All numbers are little endian.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// Version of the format.
const Version = 1

const (
	recordMagic = "MSR1"

	atMagic   = 0
	atCRC     = 4
	atSegment = 8
	atHead    = 12
	atLSN     = 16
	atBody    = 24
	atOps     = 28
	// headSize is the fixed part of a record's head; the client's name and the ops follow.
	headSize = 32

	// SmallMax is the longest value, in bytes, that stands in a record's head
	// and is kept in memory.
	SmallMax = 512
	// MaxSize bounds a record, in bytes: no file offset and no length needs more than 31 bits.
	MaxSize = 256 << 20
)

// Kind of an operation.
type Kind byte

// The operations. The numbers are part of the format.
const (
	// SetSmall sets a key to a value of at most [SmallMax] bytes, which stands in the head.
	SetSmall Kind = 1
	// Set sets a key to a value that stands in the body.
	Set Kind = 2
	// Delete forgets a key.
	Delete Kind = 3
	// Shift moves the items with the numbers From … From+Count-1 up by By. An
	// item is a key that is a decimal number.
	Shift Kind = 4

	// queueMetadata is a SetSmall of exporterhelper's queue metadata in short:
	// every batch brings it.
	queueMetadata Kind = 6
)

// Op is one operation of a record.
type Op struct {
	Kind Kind
	Key  string
	// Small is the value of a SetSmall.
	Small []byte
	// Value says where the value of a Set is. Of a SetSmall it has only the
	// offset of its record.
	Value Value
	// From, Count and By belong to a Shift.
	From, Count, By uint64
}

// Value is a value in the body of a record.
type Value struct {
	// Offset in the segment's file, Length as stored, Raw before compression: bytes.
	Offset, Length, Raw uint32
	// CRC is the CRC32C of the stored bytes.
	CRC uint32
}

// Record is one atomic change of one client's data.
type Record struct {
	// LSN numbers the records of a store, rising.
	LSN    uint64
	Client string
	Ops    []Op
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC32C (Castagnoli) of b.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// ErrTooLarge is a record beyond [MaxSize].
var ErrTooLarge = errors.New("more than a record can hold")

// Encode makes the bytes of a record: its head, and the bodies, the stored
// values of its Set operations in their order. The offsets of its values are
// from the record's begin until [Encoded.Place].
func Encode(r Record, bodies [][]byte) (*Encoded, error) {
	e := &Encoded{Record: r}
	body := 0
	for _, b := range bodies {
		body += len(b)
	}
	head := make([]byte, headSize, headSize+len(r.Client)+64*len(r.Ops)+body+MarkSize)
	head = appendString(head, r.Client)
	for _, op := range r.Ops {
		head = appendOp(head, op)
	}
	if len(head)+body > MaxSize {
		return nil, fmt.Errorf("a batch of %d bytes: %w, %d bytes", len(head)+body, ErrTooLarge, MaxSize)
	}
	copy(head[atMagic:], recordMagic)
	binary.LittleEndian.PutUint32(head[atHead:], uint32(len(head)))
	binary.LittleEndian.PutUint64(head[atLSN:], r.LSN)
	binary.LittleEndian.PutUint32(head[atBody:], uint32(body))
	binary.LittleEndian.PutUint32(head[atOps:], uint32(len(r.Ops)))
	e.head = len(head)
	e.Bytes = head
	for _, b := range bodies {
		e.Bytes = append(e.Bytes, b...)
	}
	return e, nil
}

// Encoded is a record on its way into a segment.
type Encoded struct {
	Record
	// Bytes of the record. They are complete after [Encoded.Place].
	Bytes []byte
	head  int
}

// Place writes into the record where it stands, and tells its values their
// offsets. A record can be placed again in another segment.
func (e *Encoded) Place(segment uint32, offset int64, lsn uint64) {
	e.LSN = lsn
	binary.LittleEndian.PutUint64(e.Bytes[atLSN:], lsn)
	binary.LittleEndian.PutUint32(e.Bytes[atSegment:], segment)
	binary.LittleEndian.PutUint32(e.Bytes[atCRC:], Checksum(e.Bytes[atSegment:e.head]))
	at := uint32(offset) + uint32(e.head)
	for i := range e.Ops {
		switch op := &e.Ops[i]; op.Kind {
		case Set:
			op.Value.Offset = at
			at += op.Value.Length
		case SetSmall:
			op.Value.Offset = uint32(offset)
		default:
		}
	}
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendOp(dst []byte, op Op) []byte {
	if op.Kind == SetSmall && op.Key == queuemetadata.Key {
		if short, ok := queuemetadata.Compact(append(dst, byte(queueMetadata)), op.Small); ok {
			return short
		}
	}
	dst = append(dst, byte(op.Kind))
	if op.Kind == Shift {
		dst = binary.AppendUvarint(dst, op.From)
		dst = binary.AppendUvarint(dst, op.Count)
		return binary.AppendUvarint(dst, op.By)
	}
	dst = appendString(dst, op.Key)
	switch op.Kind {
	case SetSmall:
		dst = appendString(dst, string(op.Small))
	case Set:
		dst = binary.AppendUvarint(dst, uint64(op.Value.Length))
		dst = binary.AppendUvarint(dst, uint64(op.Value.Raw))
		dst = binary.LittleEndian.AppendUint32(dst, op.Value.CRC)
	default:
	}
	return dst
}

// reader takes apart what the functions above put together. After the first
// fault all it gives is zero.
type reader struct {
	left []byte
	bad  bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.left)) {
		r.bad = true
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.left)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.left = r.left[n:]
	return v
}

// size is a number of bytes: one that a record can have.
func (r *reader) size() uint32 {
	v := r.uvarint()
	if v > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return uint32(v)
}

func (r *reader) uint32() uint32 {
	b := r.take(4)
	if r.bad {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *reader) string() string { return string(r.take(r.uvarint())) }

func (r *reader) queueMetadata() Op {
	raw, n, ok := queuemetadata.Expand(r.left)
	r.take(uint64(n))
	r.bad = r.bad || !ok
	return Op{Kind: SetSmall, Key: queuemetadata.Key, Small: raw}
}

func (r *reader) op() (op Op) {
	kind := r.take(1)
	if r.bad {
		return Op{}
	}
	op.Kind = Kind(kind[0])
	switch op.Kind {
	case SetSmall:
		op.Key = r.string()
		op.Small = append([]byte{}, r.take(r.uvarint())...)
		r.bad = r.bad || len(op.Small) > SmallMax
	case Set:
		op.Key = r.string()
		op.Value = Value{Length: r.size(), Raw: r.size(), CRC: r.uint32()}
	case Delete:
		op.Key = r.string()
	case queueMetadata:
		return r.queueMetadata()
	case Shift:
		op.From, op.Count, op.By = r.uvarint(), r.uvarint(), r.uvarint()
	default:
		r.bad = true
	}
	return op
}
