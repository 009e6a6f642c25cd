package queuemetadata

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMetadataSurvivesItsOwnEncoding(t *testing.T) {
	for _, m := range []Metadata{
		{},
		{Items: 5, Bytes: 500, Read: 3, Write: 9},
		{Items: -1, Bytes: 1 << 60, Read: 1 << 40, Write: 1 << 41, Dispatched: []uint64{7, 1, 1 << 39}},
	} {
		got, err := Parse(m.Marshal())
		require.NoError(t, err)
		assert.Equal(t, m, got)
	}
}

func TestMetadataThatIsNotUnderstoodIsLeftAlone(t *testing.T) {
	whole := Metadata{Items: 1, Bytes: 2, Read: 3, Write: 4, Dispatched: []uint64{1, 2}}.Marshal()
	for n := 1; n < len(whole); n++ {
		if m, err := Parse(whole[:n]); err == nil {
			assert.True(t, m.sound(), "cut at %d", n)
		}
	}
	for name, test := range map[string]struct {
		raw  []byte
		want error
	}{
		"a field of a newer release": {append(slices.Clone(whole), 0x31, 1, 2, 3, 4, 5, 6, 7, 8), ErrNewer},
		"a varint":                   {[]byte{0x08, 1}, ErrNewer},
		"cut in a number":            {whole[:5], ErrUnreadable},
		"no message":                 {[]byte("garbage"), ErrUnreadable},
		"read behind write":          {Metadata{Read: 5, Write: 4}.Marshal(), ErrUnreadable},
		"in flight and not read":     {Metadata{Read: 1, Write: 4, Dispatched: []uint64{2}}.Marshal(), ErrUnreadable},
	} {
		_, err := Parse(test.raw)
		assert.ErrorIs(t, err, test.want, name)
	}
}

func TestIndex(t *testing.T) {
	for key, want := range map[string]bool{
		"0": true, "7": true, "18446744073709551615": true,
		"": false, "00": false, "07": false, "+7": false, "-7": false, "7a": false, "18446744073709551616": false, Key: false,
	} {
		_, ok := Index(key)
		assert.Equal(t, want, ok, key)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Metadata{Items: 1, Bytes: 2, Read: 3, Write: 4, Dispatched: []uint64{1, 2}}.Marshal())
	f.Add([]byte{0x2a, 0x03, 1, 2, 3})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			assert.Equal(t, Metadata{}, m)
			return
		}
		again, err := Parse(m.Marshal())
		require.NoError(t, err)
		assert.Equal(t, m, again)
	})
}
