package backoff_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/backoff"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

var steady = backoff.Settings{Initial: 500 * time.Millisecond, Max: 30 * time.Second, Multiplier: 2}

// delays sends one batch once for each failure and gives the delay that each error carries.
func delays(t *testing.T, s backoff.Settings, failures ...error) []time.Duration {
	t.Helper()
	sink := deliverytest.NewSender(deliverytest.Sequence(failures...))
	layer, b := backoff.New(s)(sink), deliverytest.Batch(1, 1)
	got := make([]time.Duration, len(failures))
	for i := range failures {
		_, err := layer.Send(t.Context(), b)
		require.Error(t, err)
		got[i] = deliverytest.Delay(err)
	}
	return got
}

func times(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func TestGrows(t *testing.T) {
	assert.Equal(t, []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
		8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second,
	}, delays(t, steady, times(8, deliverytest.Broken())...))
}

func TestIntervalStaysInBounds(t *testing.T) {
	for _, failures := range []int{1, 2, 10, 100, 5000, math.MaxInt32, math.MaxInt} {
		d := steady.Interval(failures)
		assert.GreaterOrEqual(t, d, steady.Initial, "%d failures", failures)
		assert.LessOrEqual(t, d, steady.Max, "%d failures", failures)
	}
	level := backoff.Settings{Initial: time.Second, Max: time.Second, Multiplier: 1}
	assert.Equal(t, time.Second, level.Interval(math.MaxInt))
}

func TestJitterStaysInBounds(t *testing.T) {
	s := backoff.Settings{Initial: time.Second, Max: time.Second, Multiplier: 2, Jitter: 0.3}
	least, most := time.Hour, time.Duration(0)
	for _, d := range delays(t, s, times(2000, deliverytest.Broken())...) {
		least, most = min(least, d), max(most, d)
	}
	assert.GreaterOrEqual(t, least, 700*time.Millisecond)
	assert.LessOrEqual(t, most, 1300*time.Millisecond)
	assert.Less(t, least, 760*time.Millisecond, "the whole spread is used")
	assert.Greater(t, most, 1240*time.Millisecond, "the whole spread is used")
}

func TestWaitIsTheDelayAndGrowthStartsAnew(t *testing.T) {
	open := &delivery.Failure{Message: "open", Wait: 42 * time.Second}
	assert.Equal(t, []time.Duration{
		500 * time.Millisecond, time.Second, 42 * time.Second, 500 * time.Millisecond,
	}, delays(t, steady, deliverytest.Broken(), deliverytest.Broken(), open, deliverytest.Broken()))
}

func TestWaitIsNeitherJitteredNorCapped(t *testing.T) {
	s := steady
	s.Jitter = 1
	for _, d := range delays(t, s, times(50, &delivery.Failure{Wait: time.Hour})...) {
		require.Equal(t, time.Hour, d, "never sent earlier than asked, nor later")
	}
}

func TestOurDoingIsNoFailure(t *testing.T) {
	got := delays(t, steady, deliverytest.Broken(), deliverytest.OurDoing(), deliverytest.Broken())
	assert.Equal(t, time.Second, got[2], "a shutdown neither grows nor resets the backoff")
	assert.LessOrEqual(t, got[1], 100*time.Millisecond)
}

func TestBatchesDoNotShareTheirBackoff(t *testing.T) {
	layer := backoff.New(steady)(deliverytest.NewSender(deliverytest.Always(deliverytest.Broken())))
	for i := range 3 {
		_, err := layer.Send(t.Context(), deliverytest.Batch(i, 1))
		assert.Equal(t, steady.Initial, deliverytest.Delay(err))
	}
}

func TestSuccessPasses(t *testing.T) {
	parked := delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) { return delivery.DeadLettered, nil })
	outcome, err := backoff.New(steady)(parked).Send(t.Context(), deliverytest.Batch(1, 1))
	require.NoError(t, err)
	assert.Equal(t, delivery.DeadLettered, outcome)
}

// exporterhelper drops a batch as soon as anything in the error's chain wears
// the collector's mark of permanence, which a sink's own error may do. Law 1.
func TestNothingThatLeavesIsPermanent(t *testing.T) {
	permanent := consumererror.NewPermanent(errors.New("cannot marshal"))
	refusal := &delivery.Failure{Fault: delivery.ThisBatch, Message: "the sink refuses the batch for good", Sent: true, Err: permanent}
	for name, err := range map[string]error{
		"a bare error":             permanent,
		"a refusal":                refusal,
		"held because of another":  &delivery.Failure{Message: "logs are held", Wait: time.Second, Err: refusal},
		"a dead letter that fails": &delivery.Failure{Message: "cannot park", Err: errors.Join(errors.New("disk full"), refusal)},
	} {
		t.Run(name, func(t *testing.T) {
			layer := backoff.New(steady)(deliverytest.NewSender(deliverytest.Always(err)))
			_, got := layer.Send(t.Context(), deliverytest.Batch(1, 1))
			require.Error(t, got)
			assert.False(t, consumererror.IsPermanent(got), "exporterhelper would drop the batch")
			assert.Contains(t, got.Error(), "cannot marshal", "the cause is still told")
			assert.Equal(t, delivery.AsFailure(err).Fault, delivery.AsFailure(got).Fault)
			assert.Equal(t, 1, strings.Count(got.Error(), "Throttle"))
		})
	}
}
