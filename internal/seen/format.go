package seen

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"time"
)

// What is stored, each value ending in the CRC-32C of all before it (4 bytes,
// little endian); numbers are unsigned varints, times are in milliseconds of
// the set's clock:
//
//	chunk  version 1 (byte), level (byte), number of runs,
//	       for each run: clock, keys;  then all keys, 16 bytes each
//	head   version 1 (byte), generation, clock, tail, reserved, number of chunks,
//	       for each chunk, in order: its number less the one before
const version = 1

const (
	// maxChunk is how many keys a chunk has at most: 1 MiB.
	maxChunk = 1 << 16
	// maxRuns is far above what a window has.
	maxRuns = 1 << 12
	// maxNumber of a chunk: more than there will ever be.
	maxNumber = 1 << 62
	// maxListed chunks in a head: far above what merging leaves.
	maxListed = 1 << 16
)

var (
	errChecksum = errors.New("checksum does not match")
	errVersion  = errors.New("written by another release")
	errShape    = errors.New("contents make no sense")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// run is how many keys came in the time slot that begins at clock.
type run struct {
	clock time.Duration
	keys  int
}

// stored is a decoded chunk. Its keys are still bytes.
type stored struct {
	level byte
	runs  []run
	keys  []byte
}

// encodeChunk: the runs' keys must add up to the keys that there are.
func encodeChunk(level byte, runs []run, keys []Key) []byte {
	b := make([]byte, 0, 16+20*len(runs)+keyBytes*len(keys))
	b = append(b, version, level)
	b = binary.AppendUvarint(b, uint64(len(runs)))
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.clock.Milliseconds()))
		b = binary.AppendUvarint(b, uint64(r.keys))
	}
	for _, k := range keys {
		b = append(b, k[:]...)
	}
	return seal(b)
}

func decodeChunk(b []byte) (stored, error) {
	r, err := unseal(b)
	if err != nil {
		return stored{}, err
	}
	s := stored{level: r.byte()}
	total := uint64(0)
	for range r.upTo(maxRuns) {
		clock, keys := r.millis(), r.upTo(maxChunk)
		s.runs = append(s.runs, run{clock, int(keys)})
		total += keys
	}
	s.keys = r.rest
	if r.bad || total > maxChunk || uint64(len(s.keys)) != total*keyBytes || s.level > maxLevel {
		return stored{}, errShape
	}
	return s, nil
}

// head tells where the chunks are.
type head struct {
	generation uint64
	// clock when it was written.
	clock time.Duration
	// listed are the chunks that there were, in ascending order. Later ones have
	// numbers from tail to reserved, not all of which are in use.
	listed         []uint64
	tail, reserved uint64
}

func (h head) encode() []byte {
	b := append(make([]byte, 0, 64+4*len(h.listed)), version)
	for _, n := range []uint64{h.generation, uint64(h.clock.Milliseconds()), h.tail, h.reserved, uint64(len(h.listed))} {
		b = binary.AppendUvarint(b, n)
	}
	last := uint64(0)
	for _, n := range h.listed {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	return seal(b)
}

func decodeHead(b []byte) (head, error) {
	r, err := unseal(b)
	if err != nil {
		return head{}, err
	}
	h := head{generation: r.uvarint(), clock: r.millis(), tail: r.uvarint(), reserved: r.uvarint()}
	last := uint64(0)
	for range r.upTo(maxListed) {
		last += r.uvarint()
		h.listed = append(h.listed, last)
		if r.bad {
			break
		}
	}
	if r.bad || len(r.rest) > 0 || !slices.IsSorted(h.listed) || h.tail > h.reserved || h.reserved-h.tail > maxListed || h.reserved > maxNumber {
		return head{}, errShape
	}
	return h, nil
}

func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// unseal checks the checksum and the version.
func unseal(b []byte) (*reader, error) {
	if len(b) < 5 {
		return nil, errShape
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, errChecksum
	}
	if body[0] != version {
		return nil, errVersion
	}
	return &reader{rest: body[1:]}, nil
}

// reader takes numbers from the front. Once it is bad, all of them are 0.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) byte() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// upTo is a number that must not be above most.
func (r *reader) upTo(most uint64) uint64 {
	if n := r.uvarint(); n <= most {
		return n
	}
	r.bad = true
	return 0
}

// maxClock is 200 years: nothing overflows.
const maxClock = 200 * 365 * 24 * time.Hour

func (r *reader) millis() time.Duration {
	return time.Duration(r.upTo(uint64(maxClock.Milliseconds()))) * time.Millisecond
}
