// Package value is how a value is stored: one byte that names its form, and the
// bytes, compressed where that makes them fewer.
package value

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/internal/frame"
)

// The forms of a stored value; part of the format.
const (
	plain      = 0
	compressed = 1
)

// Codec turns values into what is stored, and back. It is safe for concurrent use.
type Codec struct {
	// compress: reading knows all forms, whatever it says.
	compress bool
	coder    *frame.Coder
	// scratch are buffers to compress into: only then is it known how long the
	// stored form is, and it is kept until its flush.
	scratch sync.Pool
}

// New makes a codec.
func New(compress bool) (*Codec, error) {
	coder, err := frame.New()
	return &Codec{compress: compress, coder: coder}, err
}

// Encode makes the stored form of a value.
func (c *Codec) Encode(raw []byte) []byte {
	if c.compress {
		if stored := c.press(raw); stored != nil {
			return stored
		}
	}
	return append(append(make([]byte, 0, 1+len(raw)), plain), raw...)
}

// press gives nil where that makes the value no shorter.
func (c *Codec) press(raw []byte) []byte {
	buffer, ok := c.scratch.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer c.scratch.Put(buffer)
	*buffer = c.coder.Append(append((*buffer)[:0], compressed), raw)
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
		if len(raw) != size {
			return nil, fmt.Errorf("a stored value comes to %d bytes, %d expected", len(raw), size)
		}
		return raw, nil
	case compressed:
		raw, err := c.coder.Open(raw, size)
		if err != nil {
			return nil, fmt.Errorf("a stored value: %w", err)
		}
		return raw, nil
	default:
		return nil, fmt.Errorf("form %d: %w", stored[0], errForm)
	}
}

// Close lets the coders go.
func (c *Codec) Close() { c.coder.Close() }
