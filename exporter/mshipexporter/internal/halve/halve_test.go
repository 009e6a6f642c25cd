package halve_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/halve"
)

// request is what the far end was sent.
type request struct {
	id      delivery.ID
	wholes  []delivery.ID
	numbers []int
}

// sends halves a batch before a far end that refuses what holds the record bad, and gives what was sent.
func sends(t *testing.T, b delivery.Batch, divided halve.Divided, bad int) []request {
	t.Helper()
	var sent []request
	far := delivery.SenderFunc(func(_ context.Context, b delivery.Batch) (delivery.Outcome, error) {
		numbers := deliverytest.Numbers(b)
		sent = append(sent, request{b.ID, b.Wholes, numbers})
		if slices.Contains(numbers, bad) {
			b.History.Witnessed = true
			return 0, deliverytest.Refusal(400)
		}
		return delivery.Delivered, nil
	})
	park := func(delivery.Batch, string, *delivery.Failure) error { return nil }
	_, err := halve.New(park, divided)(far).Send(t.Context(), b)
	require.NoError(t, err)
	return sent
}

func never(delivery.ID) bool { return false }

// The same batch gives the same parts, and each knows of what it is a part.
func TestPartsHaveIdsOfTheirOwn(t *testing.T) {
	first := sends(t, deliverytest.Batch(0, 8), never, 5)
	assert.Equal(t, first, sends(t, deliverytest.Batch(0, 8), never, 5))
	ids := map[delivery.ID][]int{}
	for _, r := range first {
		require.NotContains(t, ids, r.id)
		for _, whole := range r.wholes {
			assert.Subset(t, ids[whole], r.numbers)
		}
		ids[r.id] = r.numbers
	}
	last := first[len(first)-1]
	assert.Equal(t, []int{5}, last.numbers)
	assert.Len(t, last.wholes, 3)
	other := sends(t, deliverytest.Batch(100, 8), never, 105)
	for _, r := range other {
		assert.NotContains(t, ids, r.id)
	}
}

// After a restart a batch that was divided is divided as deep as it was, so
// that nothing is sent in another part than before.
func TestADividedBatchIsNotSentAsSuch(t *testing.T) {
	before := map[delivery.ID]bool{}
	for _, r := range sends(t, deliverytest.Batch(0, 8), never, 5) {
		for _, whole := range r.wholes {
			before[whole] = true
		}
	}
	divided := func(id delivery.ID) bool { return before[id] }
	b := deliverytest.Batch(0, 8)
	b.History.Taken = true // as the ledger says
	var got [][]int
	for _, r := range sends(t, b, divided, -1) {
		got = append(got, r.numbers)
	}
	assert.Equal(t, [][]int{{0, 1, 2, 3}, {4}, {5}, {6, 7}}, got)
}
