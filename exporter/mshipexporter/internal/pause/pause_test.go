package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/pause"
)

func askedFor(d time.Duration) *delivery.Failure {
	f := deliverytest.Answered(429)
	f.RetryAfter = d
	return f
}

func TestTheWholeSinkWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate pause.Gate
		logs := deliverytest.NewSender(deliverytest.Sequence(askedFor(7 * time.Second)))
		traces := deliverytest.NewSender(deliverytest.Sequence())

		_, err := gate.Layer(logs).Send(t.Context(), deliverytest.Batch(1, 1))
		f := delivery.AsFailure(err)
		assert.Equal(t, 7*time.Second, f.Wait)
		assert.Equal(t, 429, f.Status, "the far end's answer is not lost")

		time.Sleep(2 * time.Second)
		_, err = gate.Layer(traces).Send(t.Context(), deliverytest.BatchOf(delivery.Traces, 2, 1))
		f = delivery.AsFailure(err)
		assert.Equal(t, 5*time.Second, f.Wait, "another signal waits for what is left")
		assert.Equal(t, delivery.Path, f.Fault)
		assert.False(t, f.Sent)
		assert.False(t, f.Refused())

		time.Sleep(5*time.Second - 1)
		_, err = gate.Layer(logs).Send(t.Context(), deliverytest.Batch(1, 1))
		require.Error(t, err, "a nanosecond early")
		assert.Equal(t, 1, logs.Calls())
		assert.Zero(t, traces.Calls())

		time.Sleep(time.Nanosecond)
		_, err = gate.Layer(traces).Send(t.Context(), deliverytest.BatchOf(delivery.Traces, 2, 1))
		require.NoError(t, err)
	})
}

func TestTheLongestPauseCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate pause.Gate
		// Two were on the wire at once: each answer names its own time.
		sink := deliverytest.NewSender(func(_ context.Context, call int, _ delivery.Batch) error {
			time.Sleep(time.Second)
			return askedFor(time.Duration(30-10*call) * time.Second) // 20 s, then 10 s
		})
		done := make(chan time.Duration, 2)
		for i := range 2 {
			go func() {
				_, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(i, 1))
				done <- delivery.AsFailure(err).Wait
			}()
		}
		assert.Equal(t, 20*time.Second, max(<-done, <-done))

		time.Sleep(19 * time.Second)
		_, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(3, 1))
		assert.Equal(t, time.Second, delivery.AsFailure(err).Wait)
		assert.Equal(t, 2, sink.Calls())
	})
}

func TestWithoutATimeNothingWaits(t *testing.T) {
	var gate pause.Gate
	sink := deliverytest.NewSender(deliverytest.Sequence(deliverytest.Answered(503), deliverytest.Refusal(400)))
	for range 2 {
		_, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(1, 1))
		assert.Zero(t, delivery.AsFailure(err).Wait)
	}
	outcome, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(1, 1))
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)
}

func TestALongerWaitFromWithinStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate pause.Gate
		f := askedFor(7 * time.Second)
		f.Wait = time.Minute
		_, err := gate.Layer(deliverytest.NewSender(deliverytest.Always(f))).Send(t.Context(), deliverytest.Batch(1, 1))
		assert.Equal(t, time.Minute, delivery.AsFailure(err).Wait)
	})
}
