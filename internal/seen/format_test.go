package seen

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheFormatIsRead(t *testing.T) {
	t.Parallel()
	keys := some(0, 7)
	runs := []run{{0, 2}, {time.Hour, 0}, {90 * time.Minute, 5}}
	c, err := decodeChunk(encodeChunk(1, runs, keys))
	require.NoError(t, err)
	assert.Equal(t, stored{level: 1, runs: runs, keys: slices.Concat(bytesOf(keys)...)}, c)

	h := head{generation: 7, clock: 5 * time.Second, listed: []uint64{0, 3, 900}, tail: 901, reserved: 1029}
	got, err := decodeHead(h.encode())
	require.NoError(t, err)
	assert.Equal(t, h, got)
}

// What is on disk stays readable: these bytes were written by the first release.
func TestTheFirstReleasesBytes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, firstChunk, encodeChunk(0, []run{{time.Hour, 1}}, []Key{{0: 1, 15: 2}}))
	assert.Equal(t, firstHead, head{generation: 1, clock: time.Hour, listed: []uint64{2, 5}, tail: 6, reserved: 134}.encode())
}

func bytesOf(keys []Key) [][]byte {
	var all [][]byte
	for _, k := range keys {
		all = append(all, k[:])
	}
	return all
}

// Whatever a chunk has been turned into, it is read or refused; what is read
// is a chunk that says the same.
func FuzzChunk(f *testing.F) {
	f.Add(firstChunk[:len(firstChunk)-4])
	f.Add([]byte{version, 0, 0})
	f.Add([]byte{version, 2, 2, 0, 1, 0xff, 0xff, 0x03, 0})
	f.Add([]byte{version, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeChunk(body) // the checksum is wrong
		c, err := decodeChunk(seal(slices.Clone(body)))
		if err != nil {
			return
		}
		again, err := decodeChunk(encodeChunk(c.level, c.runs, keysOf(c.keys)))
		require.NoError(t, err)
		require.Equal(t, c.level, again.level)
		require.Equal(t, c.runs, again.runs)
		require.Len(t, again.keys, len(c.keys))
	})
}

func FuzzHead(f *testing.F) {
	f.Add(firstHead[:len(firstHead)-4])
	f.Add([]byte{version, 0, 0, 0, 0, 0})
	f.Add([]byte{version, 1, 0, 5, 1, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeHead(body)
		h, err := decodeHead(seal(slices.Clone(body)))
		if err != nil {
			return
		}
		again, err := decodeHead(h.encode())
		require.NoError(t, err)
		require.Equal(t, h, again)
		require.NotEmpty(t, h.numbers())
	})
}

var (
	firstChunk = []byte{0x1, 0x0, 0x1, 0x80, 0xdd, 0xdb, 0x1, 0x1, 0x1, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x2, 0x77, 0x9e, 0x80, 0x46}
	firstHead  = []byte{0x1, 0x1, 0x80, 0xdd, 0xdb, 0x1, 0x6, 0x86, 0x1, 0x2, 0x2, 0x3, 0xeb, 0x57, 0xd4, 0xd}
)
