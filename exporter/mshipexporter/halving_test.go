package mshipexporter

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/halve"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/witness"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/yield"
)

// trial is the part of the chain that judges batches, before a far end with rules.
type trial struct {
	far     *deliverytest.FarEnd
	letters deliverytest.Letters
	back    []delivery.Batch
	sender  delivery.Sender
}

func newTrial(rules ...deliverytest.Rule) *trial {
	tr := &trial{far: deliverytest.NewFarEnd(rules...)}
	tr.sender = delivery.Chain(tr.far, halve.New(tr.letters.Park, neverDivided), new(witness.Witness).Layer)
	return tr
}

func neverDivided(delivery.ID) bool { return false }

func requireAccepted(t *testing.T, tr *trial, b delivery.Batch) {
	t.Helper()
	_, err := tr.sender.Send(t.Context(), b)
	require.NoError(t, err)
}

func is(numbers ...int) func(int) bool {
	return func(n int) bool {
		for _, m := range numbers {
			if n == m {
				return true
			}
		}
		return false
	}
}

func TestThePoisonStandsAlone(t *testing.T) {
	for poison := range 200 {
		tr := newTrial(deliverytest.RefuseRecords(400, is(poison)))
		outcome, err := tr.sender.Send(t.Context(), deliverytest.Batch(0, 200))
		require.NoError(t, err)
		assert.Equal(t, delivery.Delivered, outcome)
		assert.Equal(t, []deliverytest.Entry{{Numbers: []int{poison}, Reason: "rejected", Status: 400}}, tr.letters.Entries())
		for n := range 200 {
			assert.Equal(t, n != poison, tr.far.Delivered()[n] == 1, "record %d", n)
		}
		assert.LessOrEqual(t, len(tr.far.Requests()), 19)
	}
}

// A far end that refuses everything is at fault itself: 15 requests, once, and nothing is parked.
func TestARefusalOfEverythingCondemnsNobody(t *testing.T) {
	tr := newTrial(deliverytest.RefuseAll(400))
	b := deliverytest.Batch(0, 200)
	_, err := tr.sender.Send(t.Context(), b)
	assert.Equal(t, delivery.ThisBatch, delivery.AsFailure(err).Fault)
	assert.Len(t, tr.far.Requests(), 15)
	assert.True(t, b.History.Halved)
	assert.Empty(t, b.History.Parts, "it goes back whole")
	for n := range 5 {
		_, err = tr.sender.Send(t.Context(), b)
		require.Error(t, err)
		assert.Len(t, tr.far.Requests(), 16+n, "from then on one request at a time")
	}
	assert.Empty(t, tr.letters.Entries())

	tr.far.Follow(deliverytest.RefuseRecords(400, is(7)))
	_, err = tr.sender.Send(t.Context(), b)
	require.Error(t, err, "still nobody has seen others taken")
	requireAccepted(t, tr, deliverytest.Batch(1000, 1))
	requireAccepted(t, tr, b)
	assert.Equal(t, map[int]int{7: 1}, tr.letters.Parked(), "now there is a witness, and the good ones are found")
}

func TestAStaleAcceptIsNoWitness(t *testing.T) {
	tr := newTrial()
	requireAccepted(t, tr, deliverytest.Batch(1000, 1))
	tr.far.Follow(deliverytest.RefuseAll(400))
	b := deliverytest.Batch(0, 1)
	for range 3 {
		_, err := tr.sender.Send(t.Context(), b)
		require.Error(t, err)
	}
	assert.Empty(t, tr.letters.Entries())
	assert.Len(t, tr.far.Requests(), 4)
	tr.far.Follow(deliverytest.RefuseRecords(400, is(0)))
	requireAccepted(t, tr, deliverytest.Batch(2000, 1))
	requireAccepted(t, tr, b)
	assert.Equal(t, map[int]int{0: 1}, tr.letters.Parked())
}

// With a witness, what stays fruitless for three halvings is parked whole.
func TestABatchWithoutAGoodRecordIsOneEntry(t *testing.T) {
	tr := newTrial(deliverytest.RefuseRecords(422, func(n int) bool { return n < 1000 }))
	b := deliverytest.Batch(0, 200)
	_, err := tr.sender.Send(t.Context(), b)
	require.Error(t, err)
	requireAccepted(t, tr, deliverytest.Batch(1000, 1))
	outcome, err := tr.sender.Send(t.Context(), b)
	require.NoError(t, err)
	assert.Equal(t, delivery.DeadLettered, outcome)
	require.Len(t, tr.letters.Entries(), 1)
	assert.Len(t, tr.letters.Entries()[0].Numbers, 200)
	assert.Len(t, tr.far.Requests(), 15+1+15)
}

func TestTooLargeIsHalvedUntilItFits(t *testing.T) {
	tr := newTrial(deliverytest.TooLarge(3 * deliverytest.RecordBytes))
	requireAccepted(t, tr, deliverytest.Batch(0, 200))
	assert.Len(t, tr.far.Delivered(), 200)
	assert.Empty(t, tr.letters.Entries())
}

// The path breaks in the middle: what was accepted is not sent again.
func TestHalvingGoesOnWhereThePathBroke(t *testing.T) {
	for breakAt := 1; breakAt <= 18; breakAt++ {
		tr := newTrial(deliverytest.BreakAt(breakAt), deliverytest.RefuseRecords(400, is(150)))
		b := deliverytest.Batch(0, 200)
		_, err := tr.sender.Send(t.Context(), b)
		if err != nil {
			assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault)
			requireAccepted(t, tr, b)
		}
		assert.Equal(t, map[int]int{150: 1}, tr.letters.Parked(), "broken at %d", breakAt)
		assert.Len(t, tr.far.Delivered(), 199)
		for n, times := range tr.far.Delivered() {
			assert.Equal(t, 1, times, "record %d, broken at %d", n, breakAt)
		}
	}
}

func TestWhereParkingFailsTheBatchStays(t *testing.T) {
	tr := newTrial(deliverytest.RefuseRecords(400, is(5)))
	tr.letters.Fail(deliverytest.Broken())
	b := deliverytest.Batch(0, 20)
	for range 3 {
		_, err := tr.sender.Send(t.Context(), b)
		assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault)
	}
	assert.Equal(t, []int{5}, deliverytest.Remaining(b))
	tr.letters.Fail(nil)
	requireAccepted(t, tr, b)
	assert.Equal(t, map[int]int{5: 1}, tr.letters.Parked())
	assert.Len(t, tr.far.Delivered(), 19)
}

// Whatever is bad and wherever the path breaks: every record is delivered
// once or parked once, and no good record alone is parked.
func TestEveryRecordEndsSomewhere(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		bad := map[int]bool{}
		for range r.IntN(6) {
			bad[r.IntN(64)] = true
		}
		flaky := r.IntN(4)
		tr := newTrial(
			deliverytest.BreakWhere(func(int) bool { return r.IntN(10) < flaky }),
			deliverytest.RefuseRecords(400, func(n int) bool { return bad[n] }))
		b := deliverytest.Batch(0, 1+r.IntN(64))
		done := false
		for tries := 0; !done && tries < 1000; tries++ {
			_, err := tr.sender.Send(t.Context(), b)
			if done = err == nil; !done && tries%3 == 2 {
				_, _ = tr.sender.Send(t.Context(), deliverytest.Batch(10_000*(tries+1), 1)) // others pass, and may testify
			}
		}
		require.True(t, done, "seed %d", seed)
		for _, n := range deliverytest.Numbers(b) {
			assert.Equal(t, 1, tr.far.Delivered()[n]+tr.letters.Parked()[n], "seed %d, record %d", seed, n)
		}
		for _, e := range tr.letters.Entries() {
			if len(e.Numbers) == 1 {
				assert.True(t, bad[e.Numbers[0]], "seed %d: a good record was condemned", seed)
			}
		}
	}
}

// One batch is answered 500 while others are taken: twice it goes to the back,
// then it is parked. While nothing else is taken it stays where it is.
func TestABatchThatFailsAloneGivesUpItsTurn(t *testing.T) {
	tr := newTrial(deliverytest.AnswerAll(500))
	closed := true
	sender := yield.New(yield.Settings{
		MaxRetries: 3,
		Requeue: func(_ context.Context, b delivery.Batch) error {
			tr.back = append(tr.back, b)
			return nil
		},
		Park: tr.letters.Park, MayMove: func() bool { return closed },
	})(tr.sender)
	b := deliverytest.Batch(0, 10)
	for range 100 {
		_, err := sender.Send(t.Context(), b)
		require.Error(t, err)
	}
	assert.Empty(t, tr.back, "an outage moves nobody")

	poison := func(n int) bool { return n < 10 }
	tr.far.Follow(func(_ int, b delivery.Batch) *delivery.Failure {
		if poison(deliverytest.Numbers(b)[0]) {
			return deliverytest.Answered(500)
		}
		return nil
	})
	others := 1000
	for round := 1; round <= 3; round++ {
		closed = false
		for range 20 {
			others++
			requireAccepted(t, tr, deliverytest.Batch(others, 1))
			_, err := sender.Send(t.Context(), b)
			require.Error(t, err, "nothing is moved while the breaker is not closed")
		}
		closed = true
		outcome, err := sender.Send(t.Context(), b)
		require.NoError(t, err)
		if round < 3 {
			assert.Equal(t, delivery.Requeued, outcome)
			assert.Len(t, tr.back, round)
			continue
		}
		assert.Equal(t, delivery.DeadLettered, outcome)
		assert.Equal(t, "poison", tr.letters.Entries()[0].Reason)
	}
}
