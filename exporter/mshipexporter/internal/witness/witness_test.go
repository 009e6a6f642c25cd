package witness_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/witness"
)

// lane sends through one witness, each time to a far end with the answer given.
type lane struct {
	t       *testing.T
	witness witness.Witness
}

func (l *lane) send(b delivery.Batch, answer error) {
	l.t.Helper()
	_, err := l.witness.Layer(deliverytest.NewSender(deliverytest.Always(answer))).Send(l.t.Context(), b)
	require.Equal(l.t, answer == nil, err == nil)
}

func TestOnlyAnAcceptSentAfterTheRefusalTestifies(t *testing.T) {
	l := lane{t: t}
	bad, good := deliverytest.Batch(1, 1), deliverytest.Batch(2, 1)

	l.send(good, nil)
	l.send(bad, deliverytest.Refusal(400))
	assert.False(t, bad.History.Witnessed, "never refused before")
	l.send(bad, deliverytest.Refusal(400))
	assert.False(t, bad.History.Witnessed, "the accept was before the refusal")
	l.send(good, nil)
	l.send(bad, deliverytest.Refusal(400))
	assert.True(t, bad.History.Witnessed)
}

func TestAStaleAcceptProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lane{t: t}
		gate := make(chan struct{})
		slow := deliverytest.NewSender(func(context.Context, int, delivery.Batch) error {
			<-gate
			return nil
		})
		var under sync.WaitGroup
		under.Go(func() { _, _ = l.witness.Layer(slow).Send(t.Context(), deliverytest.Batch(2, 1)) })
		synctest.Wait() // it is on the wire

		bad := deliverytest.Batch(1, 1)
		l.send(bad, deliverytest.Refusal(400))
		close(gate)
		under.Wait() // it was accepted after the refusal, but sent before
		l.send(bad, deliverytest.Refusal(400))
		assert.False(t, bad.History.Witnessed)
		assert.Zero(t, bad.History.Refusals)
	})
}

// An accept that comes while the second refusal is on its way was not known when that was sent.
func TestAnAcceptDuringTheAttemptComesTooLate(t *testing.T) {
	l := lane{t: t}
	bad := deliverytest.Batch(1, 1)
	l.send(bad, deliverytest.Refusal(400))
	sink := deliverytest.NewSender(func(context.Context, int, delivery.Batch) error {
		l.send(deliverytest.Batch(2, 1), nil)
		return deliverytest.Refusal(400)
	})
	_, err := l.witness.Layer(sink).Send(t.Context(), bad)
	require.Error(t, err)
	assert.False(t, bad.History.Witnessed)
	assert.Zero(t, bad.History.Refusals)
	l.send(bad, deliverytest.Refusal(400))
	assert.True(t, bad.History.Witnessed)
}

func TestRefusalsCountOnlyWithOthersTakenInBetween(t *testing.T) {
	l := lane{t: t}
	bad, good := deliverytest.Batch(1, 1), deliverytest.Batch(2, 1)
	for range 50 {
		l.send(bad, deliverytest.Answered(500))
	}
	assert.Zero(t, bad.History.Refusals, "nobody else was taken in an outage")
	for want := 1; want < 6; want++ {
		l.send(good, nil)
		l.send(good, nil)
		l.send(bad, deliverytest.Answered(500))
		assert.Equal(t, want, bad.History.Refusals)
		l.send(bad, deliverytest.Answered(500))
		assert.Equal(t, want, bad.History.Refusals)
	}
}

func TestWhatIsNoRefusalDoesNotCount(t *testing.T) {
	paused := deliverytest.Answered(503)
	paused.RetryAfter = 1
	for name, answer := range map[string]error{
		"no answer":        deliverytest.Broken(),
		"429":              deliverytest.Answered(429),
		"come again later": paused,
		"captive portal":   deliverytest.Answered(200),
		"shutdown":         deliverytest.OurDoing(),
		"anything else":    context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			l := lane{t: t}
			b := deliverytest.Batch(1, 1)
			for range 3 {
				l.send(b, answer)
				l.send(deliverytest.Batch(2, 1), nil)
			}
			assert.Zero(t, b.History.Refusals)
			assert.Zero(t, b.History.FirstRefused)
			assert.False(t, b.History.Witnessed)
		})
	}
}

// 500 counts towards poison, but only "this batch" begins what a halving may condemn.
func TestOnlyThisBatchBeginsAVerdict(t *testing.T) {
	l := lane{t: t}
	b := deliverytest.Batch(1, 1)
	l.send(b, deliverytest.Answered(500))
	l.send(deliverytest.Batch(2, 1), nil)
	l.send(b, deliverytest.Refusal(400))
	assert.False(t, b.History.Witnessed)
	assert.NotZero(t, b.History.FirstRefused)
	first := b.History.FirstRefused
	l.send(b, deliverytest.Refusal(400))
	assert.Equal(t, first, b.History.FirstRefused, "the first stays the first")
}

func TestAPartIsWitnessedByItsSibling(t *testing.T) {
	l := lane{t: t}
	whole := deliverytest.Batch(1, 2)
	l.send(whole, deliverytest.Refusal(400))
	first := delivery.Batch{Payload: whole.Payload, History: whole.History.Part()}
	second := delivery.Batch{Payload: whole.Payload, History: whole.History.Part()}
	l.send(first, nil)
	l.send(second, deliverytest.Refusal(400))
	assert.True(t, second.History.Witnessed)
}

func TestSignalsDoNotTestifyForOneAnother(t *testing.T) {
	logs, metrics := lane{t: t}, lane{t: t}
	bad := deliverytest.Batch(1, 1)
	logs.send(bad, deliverytest.Refusal(400))
	metrics.send(deliverytest.BatchOf(delivery.Metrics, 2, 1), nil)
	logs.send(bad, deliverytest.Refusal(400))
	assert.False(t, bad.History.Witnessed)
}

func TestManyAtOnce(t *testing.T) {
	var w witness.Witness
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			b := deliverytest.Batch(i, 1)
			answers := deliverytest.Sequence(deliverytest.Refusal(400), nil, deliverytest.Refusal(400))
			layer := w.Layer(deliverytest.NewSender(answers))
			for range 3 {
				_, _ = layer.Send(t.Context(), b)
			}
			// Its own accept came between its two refusals.
			assert.True(t, b.History.Witnessed)
			assert.Equal(t, 1, b.History.Refusals)
		})
	}
	all.Wait()
}
