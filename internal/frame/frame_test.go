package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func coder(t testing.TB) *Coder {
	t.Helper()
	c, err := New()
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestFramesBehindOneAnother(t *testing.T) {
	c := coder(t)
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	var frames, want []byte
	for _, raw := range [][]byte{[]byte("short"), nil, bytes.Repeat([]byte("long "), LongFrom), noise} {
		frames, want = c.Append(frames, raw), append(want, raw...)
	}
	got, err := c.Open(frames, len(want))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))
}

func TestWhatIsWrongIsAnError(t *testing.T) {
	c := coder(t)
	frames := c.Append(c.Append(nil, []byte("one")), []byte("two"))
	for name, test := range map[string]struct {
		frames []byte
		size   int
	}{
		"too short": {frames, 7}, "too long": {frames, 5}, "cut": {frames[:len(frames)-1], 6}, "no frame": {[]byte("12345"), 5},
		"a bomb": {c.Append(nil, make([]byte, 64<<20)), 1000},
	} {
		_, err := c.Open(test.frames, test.size)
		assert.Error(t, err, name)
	}
	empty, err := c.Open(nil, 0)
	require.NoError(t, err)
	assert.Empty(t, empty)
}
