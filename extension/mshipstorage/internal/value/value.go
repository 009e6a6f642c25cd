// Package value is how a value is stored: one byte that names its form, and the
// bytes, compressed where that makes them fewer.
package value

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The forms of a stored value; part of the format.
const (
	plain      = 0
	compressed = 1
)

// window bounds the memory of a coder: batches are seldom longer.
const window = 1 << 20

// longFrom is the length in bytes from which a value is compressed at the
// fastest level: a long one gets much the same, at half the CPU (syslog: 0.19 of it
// in place of 0.185), a short one does not.
const longFrom = 16 << 10

// Codec turns values into what is stored, and back. It is safe for concurrent use.
type Codec struct {
	// short and long are nil where nothing is to be compressed. Reading knows all forms.
	short, long *zstd.Encoder
	decoder     *zstd.Decoder
	// scratch are buffers to compress into: only then is it known how long the
	// stored form is, and it is kept until its flush.
	scratch sync.Pool
}

// New makes a codec.
func New(compress bool) (*Codec, error) {
	c := &Codec{}
	var err error
	if c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecodeAllCapLimit(true)); err != nil {
		return nil, fmt.Errorf("cannot make a decoder: %w", err)
	}
	if !compress {
		return c, nil
	}
	if c.short, err = encoder(zstd.SpeedDefault); err != nil {
		return nil, err
	}
	c.long, err = encoder(zstd.SpeedFastest)
	return c, err
}

func encoder(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	// Checksums are the store's.
	e, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(level))
	if err != nil {
		return nil, fmt.Errorf("cannot make an encoder: %w", err)
	}
	return e, nil
}

// Encode makes the stored form of a value.
func (c *Codec) Encode(raw []byte) []byte {
	if c.short != nil {
		if stored := c.compress(raw); stored != nil {
			return stored
		}
	}
	return append(append(make([]byte, 0, 1+len(raw)), plain), raw...)
}

// compress gives nil where that makes the value no shorter.
func (c *Codec) compress(raw []byte) []byte {
	buffer, ok := c.scratch.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer c.scratch.Put(buffer)
	encoder := c.short
	if len(raw) >= longFrom {
		encoder = c.long
	}
	*buffer = encoder.EncodeAll(raw, append((*buffer)[:0], compressed))
	if len(*buffer) > len(raw) {
		return nil
	}
	return slices.Clone(*buffer)
}

var errForm = errors.New("a stored value of a form that this release does not know")

// Decode makes the value of its stored form. It may be a part of stored. size
// is how long the value must be, in bytes.
func (c *Codec) Decode(stored []byte, size int) ([]byte, error) {
	if len(stored) == 0 {
		return nil, errForm
	}
	raw := stored[1:]
	switch stored[0] {
	case plain:
	case compressed:
		var err error
		if raw, err = c.decoder.DecodeAll(raw, make([]byte, 0, size)); err != nil {
			return nil, fmt.Errorf("cannot decompress a stored value of %d bytes: %w", len(stored), err)
		}
	default:
		return nil, fmt.Errorf("form %d: %w", stored[0], errForm)
	}
	if len(raw) != size {
		return nil, fmt.Errorf("a stored value comes to %d bytes, %d expected", len(raw), size)
	}
	return raw, nil
}

// Close lets the coders go.
func (c *Codec) Close() {
	c.decoder.Close()
	if c.short != nil {
		_ = errors.Join(c.short.Close(), c.long.Close()) // they hold nothing back: each value is whole
	}
}
