package value_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/value"
)

func codec(t testing.TB, compress bool) *value.Codec {
	t.Helper()
	c, err := value.New(compress)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestAValueComesBack(t *testing.T) {
	packing, plain := codec(t, true), codec(t, false)
	for name, test := range map[string]struct {
		raw        []byte
		compressed bool
	}{
		"nothing":       {nil, false},
		"empty":         {[]byte{}, false},
		"one byte":      {[]byte{7}, false},
		"random":        {random(5000), false},
		"text":          {[]byte(strings.Repeat("a line of a log ", 100)), true},
		"long":          {bytes.Repeat([]byte("a line of a log "), 1<<17), true},
		"long, random":  {random(3 << 20), false},
		"zeros":         {make([]byte, 1<<20), true},
		"looks encoded": {[]byte{1, 0, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, from := range []*value.Codec{packing, plain} {
				stored := from.Encode(test.raw)
				assert.LessOrEqual(t, len(stored), len(test.raw)+1)
				want := byte(0)
				if test.compressed && from == packing {
					want = 1
				}
				assert.Equal(t, want, stored[0], "the form")
				for _, to := range []*value.Codec{packing, plain} {
					got, err := to.Decode(stored, len(test.raw))
					require.NoError(t, err)
					assert.NotNil(t, got)
					assert.True(t, bytes.Equal(test.raw, got))
				}
			}
		})
	}
}

func TestTheCallerKeepsItsBytes(t *testing.T) {
	c := codec(t, true)
	for _, raw := range [][]byte{random(100), []byte(strings.Repeat("abc", 100))} {
		before := bytes.Clone(raw)
		stored := c.Encode(raw)
		clear(raw)
		got, err := c.Decode(stored, len(before))
		require.NoError(t, err)
		assert.Equal(t, before, got)
		copy(raw, before)
	}
}

func TestWhatIsWrongIsAnError(t *testing.T) {
	c := codec(t, true)
	text := c.Encode([]byte(strings.Repeat("text ", 100)))
	for name, test := range map[string]struct {
		stored []byte
		size   int
		want   string
	}{
		"nothing":       {nil, 0, "a stored value of a form that this release does not know"},
		"unknown form":  {[]byte{2, 1, 2}, 2, "form 2: a stored value of a form that this release does not know"},
		"plain, short":  {[]byte{0, 1}, 2, "a stored value comes to 1 bytes, 2 expected"},
		"plain, long":   {[]byte{0, 1, 2}, 1, "a stored value comes to 2 bytes, 1 expected"},
		"too short":     {text, 501, "bytes come to 500 decompressed, 501 expected"},
		"too long":      {text, 499, "a stored value: cannot decompress "},
		"not zstd":      {[]byte{1, 1, 2, 3, 4, 5}, 5, "a stored value: cannot decompress 5 bytes: "},
		"cut":           {text[:len(text)-1], 500, "a stored value: cannot decompress "},
		"compressed, 0": {[]byte{1}, 5, "a stored value: 0 bytes come to 0 decompressed, 5 expected"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Decode(test.stored, test.size)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

// A value of a few bytes that claims to be huge costs no more than it should be long.
func TestABombDoesNotGoOff(t *testing.T) {
	c := codec(t, true)
	bomb := c.Encode(make([]byte, 256<<20))
	require.Less(t, len(bomb), 64<<10)
	before := allocated()
	_, err := c.Decode(bomb, 1000)
	assert.Less(t, allocated()-before, uint64(4<<20))
	assert.Error(t, err)
}

// allocated is how many bytes were allocated ever.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestManyValuesAtOnce(t *testing.T) {
	c := codec(t, true)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			raw := bytes.Repeat([]byte{byte(i), byte(i + 1)}, 5000*(i+1))
			for range 20 {
				got, err := c.Decode(c.Encode(raw), len(raw))
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(raw, got))
			}
		})
	}
	group.Wait()
}

func FuzzDecode(f *testing.F) {
	c := codec(f, true)
	f.Add(c.Encode([]byte(strings.Repeat("text ", 100))), uint32(500))
	f.Add(c.Encode(random(50)), uint32(50))
	f.Add([]byte{0, 1, 2}, uint32(3))
	f.Fuzz(func(t *testing.T, stored []byte, size uint32) {
		want := int(size % (1 << 20))
		got, err := c.Decode(stored, want)
		if err != nil {
			return
		}
		require.Len(t, got, want)
		again, err := c.Decode(c.Encode(got), want)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(got, again))
	})
}

func FuzzEncode(f *testing.F) {
	packing, plain := codec(f, true), codec(f, false)
	f.Add([]byte("a value"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range []*value.Codec{packing, plain} {
			got, err := c.Decode(c.Encode(raw), len(raw))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(raw, got))
		}
	})
}
