package deliverytest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHalvesKeepEveryRecord(t *testing.T) {
	for n := 2; n < 20; n++ {
		b := Batch(100, n)
		first, second := b.Payload.Halves()
		assert.Equal(t, Numbers(b), slices.Concat(first.(*Payload).Numbers, second.(*Payload).Numbers))
		assert.LessOrEqual(t, second.Records()-first.Records(), 1)
	}
	assert.Panics(t, func() { Batch(1, 1).Payload.Halves() })
}

func TestFirstObjectionIsTheAnswer(t *testing.T) {
	end := NewFarEnd(BreakAt(2), TooLarge(50), RefuseRecords(422, func(n int) bool { return n == 7 }))
	for _, request := range []struct{ first, records, status int }{
		{1, 6, 413},
		{1, 6, 0}, // the path
		{7, 1, 422},
	} {
		_, err := end.Send(t.Context(), Batch(request.first, request.records))
		assert.Equal(t, request.status, delivery.AsFailure(err).Status)
	}
	_, err := end.Send(t.Context(), Batch(1, 5))
	require.NoError(t, err)
	assert.Equal(t, map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, end.Delivered())
	assert.Len(t, end.Requests(), 4)
}
