package yield_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/witness"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/yield"
)

// One batch is answered 500 while others are taken: twice it goes to the back,
// then it is parked. While nothing else is taken it stays where it is.
func TestABatchThatFailsAloneGivesUpItsTurn(t *testing.T) {
	f, far := newFixture(), deliverytest.NewFarEnd(deliverytest.AnswerAll(500))
	f.MaxRetries = 3
	sender := delivery.Chain(far, yield.New(f.Settings), new(witness.Witness).Layer)
	b := deliverytest.Batch(0, 10)
	for range 100 {
		_, err := sender.Send(t.Context(), b)
		require.Error(t, err)
	}
	assert.Empty(t, f.back, "an outage moves nobody")

	far.Follow(func(_ int, b delivery.Batch) *delivery.Failure {
		if deliverytest.Numbers(b)[0] == 0 {
			return deliverytest.Answered(500)
		}
		return nil
	})
	others := 1000
	for round := 1; round <= 3; round++ {
		f.closed = false
		for range 20 {
			others++
			_, err := sender.Send(t.Context(), deliverytest.Batch(others, 1))
			require.NoError(t, err)
			_, err = sender.Send(t.Context(), b)
			require.Error(t, err, "nothing is moved while the breaker is not closed")
		}
		f.closed = true
		outcome, err := sender.Send(t.Context(), b)
		require.NoError(t, err)
		if round < 3 {
			assert.Equal(t, delivery.Requeued, outcome)
			assert.Len(t, f.back, round)
			continue
		}
		assert.Equal(t, delivery.DeadLettered, outcome)
		assert.Equal(t, "poison", f.letters.Entries()[0].Reason)
	}
}
