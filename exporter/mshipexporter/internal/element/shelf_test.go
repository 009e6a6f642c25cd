package element

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// pressedBatch is one as it is on its way to the store.
func pressedBatch(t *testing.T, e *Encoding, seed uint64) (b delivery.Batch, whole delivery.Payload) {
	t.Helper()
	b = batch(seed)
	whole = b.Payload
	var err error
	b.Payload, err = e.Pressed(whole)
	require.NoError(t, err)
	return b, whole
}

func TestWhatIsKeptIsNotDecoded(t *testing.T) {
	e := encoding(t, delivery.Logs)
	b, whole := pressedBatch(t, e, 1)
	e.Keep(b)
	raw := stored(t, e, b)
	assert.Same(t, whole, read(t, e, raw).Payload)
	again := read(t, e, raw).Payload
	assert.NotSame(t, whole, again, "it is given once")
	assert.Equal(t, whole, again)
	assert.Zero(t, e.shelf.bytes)

	e.Keep(b)
	e.Forget(b.ID)
	e.Forget(b.ID)
	assert.NotSame(t, whole, read(t, e, raw).Payload, "not what was taken back")
	assert.Zero(t, e.shelf.bytes)
}

// What is damaged on disk is damaged, whatever is in memory.
func TestWhatIsKeptHidesNoDamage(t *testing.T) {
	e := encoding(t, delivery.Logs)
	b, _ := pressedBatch(t, e, 1)
	e.Keep(b)
	raw := stored(t, e, b)
	raw[len(raw)-1] ^= 1
	assert.NotNil(t, read(t, e, raw).Damage)
}

func TestTheShelfIsBounded(t *testing.T) {
	e := encoding(t, delivery.Logs)
	for seed := range uint64(100) {
		b, _ := pressedBatch(t, e, seed)
		b.Payload.(*pressed).Payload = large{b.Payload.(*pressed).Payload}
		b.ID[0] = byte(seed)
		e.Keep(b)
		e.Keep(b)
	}
	assert.Equal(t, shelfBytes, e.shelf.bytes)
	assert.Len(t, e.shelf.kept, 8)
	assert.Contains(t, e.shelf.kept, delivery.ID{0, 2, 3, 0}, "the oldest, which is read first")
	onlyBody := batch(1)
	onlyBody.Payload = NewPressed(delivery.Logs, e.Press(otlpOf(t, onlyBody)), 1, nil)
	e.Keep(onlyBody)
	assert.Len(t, e.shelf.kept, 8)
}

// large is a payload of 1 MiB.
type large struct{ delivery.Payload }

func (large) Bytes() int { return 1 << 20 }
