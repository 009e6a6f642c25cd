package queuemetadata

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompactGivesBackTheVeryBytes(t *testing.T) {
	for _, m := range []Metadata{
		{Write: 1},
		{Items: 5, Bytes: 500, Read: 3, Write: 9},
		{Items: -1, Bytes: 1 << 60, Read: 1 << 40, Write: 1 << 41, Dispatched: []uint64{7, 1, 1 << 39}},
		{Items: 4000, Bytes: 17_000_000, Read: 1_000_010, Write: 1_004_000, Dispatched: []uint64{1_000_000, 1_000_009}},
	} {
		raw := m.Marshal()
		short, ok := Compact([]byte("x"), raw)
		require.True(t, ok)
		again, n, ok := Expand(append(short[1:], "behind it"...))
		require.True(t, ok)
		assert.Equal(t, raw, again)
		assert.Equal(t, len(short)-1, n)
	}
}

func TestCompactIsShort(t *testing.T) {
	m := Metadata{Items: 40_000, Bytes: 17_000_000, Read: 1_000_010, Write: 1_004_000}
	for i := range uint64(10) {
		m.Dispatched = append(m.Dispatched, 1_000_000+i)
	}
	short, ok := Compact(nil, m.Marshal())
	require.True(t, ok)
	assert.Less(t, len(short), len(m.Marshal())/4)
}

func TestWhatIsNotMetadataIsNotCompact(t *testing.T) {
	padded := append([]byte{0x09, 0, 0, 0, 0, 0, 0, 0, 0}, Metadata{Write: 1}.Marshal()...)
	for name, raw := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "a zero that the queue leaves out": padded,
		"cut": Metadata{Write: 1}.Marshal()[:5], "read behind write": Metadata{Read: 2, Write: 1}.Marshal(),
	} {
		_, ok := Compact(nil, raw)
		assert.False(t, ok, name)
	}
}

func FuzzExpand(f *testing.F) {
	short, _ := Compact(nil, Metadata{Items: 5, Bytes: 500, Read: 3, Write: 9, Dispatched: []uint64{1}}.Marshal())
	f.Add(short)
	f.Add([]byte{1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, n, ok := Expand(b)
		if !ok {
			return
		}
		assert.LessOrEqual(t, n, len(b))
		if m, err := Parse(raw); assert.NoError(t, err) && len(raw) > 0 {
			again, ok := Compact(nil, raw)
			require.True(t, ok)
			back, _, _ := Expand(again)
			assert.Equal(t, raw, back, "%+v", m)
		}
	})
}

func BenchmarkCompact(b *testing.B) {
	m := Metadata{Items: 40_000, Bytes: 17_000_000, Read: 1_000_010, Write: 1_004_000}
	for range 10 {
		m.Dispatched = append(m.Dispatched, 1_000_000+rand.Uint64N(10))
	}
	raw, out := m.Marshal(), make([]byte, 0, 256)
	for b.Loop() {
		out, _ = Compact(out[:0], raw)
	}
}
