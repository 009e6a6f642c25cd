package value

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStoredValuesAreTheirOwn(t *testing.T) {
	for _, compress := range []bool{true, false} {
		c, err := New(compress)
		require.NoError(t, err)
		t.Cleanup(c.Close)
		raw, stored := [][]byte{}, [][]byte{}
		for i := range 100 { // each may be compressed into the buffer of another
			value := bytes.Repeat(fmt.Appendf(nil, "value %d ", i), i)
			if i%3 == 0 {
				value = make([]byte, 37*i)
				_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(value)
			}
			raw, stored = append(raw, value), append(stored, c.Encode(value))
		}
		for i := range raw {
			got, err := c.Decode(stored[i], len(raw[i]))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(raw[i], got), "value %d, compressed: %t", i, compress)
			assert.LessOrEqual(t, len(stored[i]), len(raw[i])+1)
		}
	}
}
