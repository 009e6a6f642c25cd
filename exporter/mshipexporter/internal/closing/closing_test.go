package closing_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/closing"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

// hanging answers after d, or when its context ends.
func hanging(d time.Duration, answer error) *deliverytest.Sender {
	return deliverytest.NewSender(func(ctx context.Context, _ int, _ delivery.Batch) error {
		select {
		case <-time.After(d):
			return answer
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func TestNothingNewAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := closing.New()
		sink := deliverytest.NewSender(deliverytest.Sequence())
		_, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(1, 1))
		require.NoError(t, err)
		select {
		case <-gate.Closed():
			t.Fatal("closed before Close")
		default:
		}

		gate.Close(time.Second)
		<-gate.Closed()
		_, err = gate.Layer(sink).Send(t.Context(), deliverytest.Batch(1, 1))
		f := delivery.AsFailure(err)
		assert.Equal(t, delivery.Us, f.Fault)
		assert.False(t, f.Sent)
		require.ErrorIs(t, err, closing.Err)
		assert.Equal(t, 1, sink.Calls())
	})
}

// tick is a moment.
const tick = time.Millisecond

func TestWhatIsOnTheWireHasItsMoment(t *testing.T) {
	for name, test := range map[string]struct {
		takes  time.Duration
		answer error
		fault  delivery.Fault
		after  time.Duration
	}{
		"delivered in time":         {takes: 1500 * time.Millisecond, after: 1500 * time.Millisecond},
		"refused in time":           {takes: 1500 * time.Millisecond, answer: deliverytest.Refusal(400), fault: delivery.ThisBatch, after: 1500 * time.Millisecond},
		"path failed in time":       {takes: 1500 * time.Millisecond, answer: deliverytest.Broken(), fault: delivery.Path, after: 1500 * time.Millisecond},
		"cut when its time is over": {takes: time.Minute, fault: delivery.Us, after: 2*time.Second + tick},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := closing.New()
				begun := time.Now()
				time.AfterFunc(tick, func() { gate.Close(2 * time.Second); gate.Close(time.Hour) })
				_, err := gate.Layer(hanging(test.takes, test.answer)).Send(t.Context(), deliverytest.Batch(1, 1))
				assert.Equal(t, test.after, time.Since(begun))
				if test.after < 2*time.Second && test.answer == nil {
					assert.NoError(t, err)
					time.Sleep(time.Second) // the cut comes and finds nothing
					return
				}
				require.Error(t, err)
				assert.Equal(t, test.fault, delivery.AsFailure(err).Fault)
			})
		})
	}
}

func TestCutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := closing.New()
		begun := time.Now()
		time.AfterFunc(10*time.Millisecond, gate.Cut)
		_, err := gate.Layer(hanging(time.Minute, nil)).Send(t.Context(), deliverytest.Batch(1, 1))
		assert.Equal(t, delivery.Us, delivery.AsFailure(err).Fault)
		assert.True(t, delivery.AsFailure(err).Sent)
		assert.Equal(t, 10*time.Millisecond, time.Since(begun))
		gate.Cut() // twice is once
	})
}

// A far end that took the batch as the wire was cut did take it.
func TestDeliveredWhileCutIsDelivered(t *testing.T) {
	gate := closing.New()
	sink := deliverytest.NewSender(func(ctx context.Context, _ int, _ delivery.Batch) error {
		gate.Cut()
		<-ctx.Done()
		return nil
	})
	outcome, err := gate.Layer(sink).Send(t.Context(), deliverytest.Batch(1, 1))
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)
}

// Where there is no queue a client may hang up. That is neither the path's fault nor the batch's.
func TestAClientThatHangsUpIsUs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sink := deliverytest.NewSender(func(ctx context.Context, _ int, _ delivery.Batch) error {
		cancel()
		return &delivery.Failure{Sent: true, Err: context.Cause(ctx)}
	})
	_, err := closing.New().Layer(sink).Send(ctx, deliverytest.Batch(1, 1))
	assert.Equal(t, delivery.Us, delivery.AsFailure(err).Fault)
	assert.NotErrorIs(t, err, closing.Err, "nobody is shutting down")
}

// The client's deadline is about the far end: it was too slow.
func TestAClientsDeadlineIsThePaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := closing.New().Layer(hanging(time.Minute, nil)).Send(ctx, deliverytest.Batch(1, 1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault)
	})
}

func TestFailuresPassWhileOpen(t *testing.T) {
	cause := errors.New("reset")
	_, err := closing.New().Layer(deliverytest.NewSender(deliverytest.Always(cause))).Send(t.Context(), deliverytest.Batch(1, 1))
	assert.Same(t, cause, err)
}
