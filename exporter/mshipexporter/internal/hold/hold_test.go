package hold_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hold"
)

// fixture is a hold of so many seconds as probes were refused, and what it said.
type fixture struct {
	*hold.Hold
	t    *testing.T
	said []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.Hold = hold.New(hold.Settings{
		Interval: func(refusals int) time.Duration { return time.Duration(refusals) * time.Second },
		OnChange: func(refusal error) { f.said = append(f.said, fmt.Sprint(refusal)) },
	})
	return f
}

// send sends a batch through the hold to a far end that answers so; nil if all went well.
func (f *fixture) send(answer error) *delivery.Failure {
	f.t.Helper()
	_, err := f.Layer(deliverytest.NewSender(deliverytest.Always(answer))).Send(f.t.Context(), deliverytest.Batch(1, 1))
	if err == nil {
		return nil
	}
	return delivery.AsFailure(err)
}

func TestHeldByARefusalLiftedByAnAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.Nil(t, f.send(nil))
		assert.False(t, f.Held())

		refusal := f.send(deliverytest.Refusal(400))
		assert.Equal(t, delivery.ThisBatch, refusal.Fault)
		assert.Equal(t, time.Second, refusal.Wait)
		assert.True(t, f.Held())

		waits := f.send(nil)
		assert.Equal(t, delivery.Path, waits.Fault, "a batch that merely waits is not refused")
		assert.False(t, waits.Sent)
		assert.Equal(t, time.Second, waits.Wait)
		assert.ErrorContains(t, waits, "logs are held: refused")

		time.Sleep(time.Second)
		assert.Equal(t, 2*time.Second, f.send(deliverytest.Refusal(400)).Wait, "each refused probe waits longer")
		time.Sleep(2*time.Second - 1)
		assert.Equal(t, time.Duration(1), f.send(nil).Wait, "a nanosecond early")
		time.Sleep(time.Nanosecond)
		require.Nil(t, f.send(nil))
		assert.False(t, f.Held())
		assert.Equal(t, time.Second, f.send(deliverytest.Refusal(400)).Wait, "the wait starts anew")
		assert.Equal(t, []string{"refused", "<nil>", "refused"}, f.said, "one line at each end")
	})
}

func TestOnlyThisBatchHolds(t *testing.T) {
	for _, answer := range []*delivery.Failure{deliverytest.Broken(), deliverytest.Answered(503), deliverytest.OurDoing()} {
		t.Run(answer.Message, func(t *testing.T) {
			f := newFixture(t)
			got := f.send(answer)
			assert.Equal(t, answer.Fault, got.Fault)
			assert.Zero(t, got.Wait)
			assert.False(t, f.Held())
			assert.Empty(t, f.said)
		})
	}
}

func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.NotNil(t, f.send(deliverytest.Refusal(400)))
		time.Sleep(time.Second)

		sink := deliverytest.NewSender(func(context.Context, int, delivery.Batch) error {
			time.Sleep(time.Minute)
			return deliverytest.Refusal(400)
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, err := f.Layer(sink).Send(t.Context(), deliverytest.Batch(i, 1))
				failure := delivery.AsFailure(err)
				assert.Greater(t, failure.Wait, time.Duration(0), "nobody asks again at once")
				assert.LessOrEqual(t, failure.Wait, 2*time.Second)
			})
		}
		all.Wait()
		assert.Equal(t, 1, sink.Calls())
	})
}

// A probe that comes to nothing must give the place back.
func TestAProbeThatProvedNothingMakesRoomForTheNext(t *testing.T) {
	for _, answer := range []*delivery.Failure{deliverytest.Broken(), deliverytest.OurDoing()} {
		t.Run(answer.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				require.NotNil(t, f.send(deliverytest.Refusal(400)))
				time.Sleep(time.Second)
				assert.Equal(t, answer.Message, f.send(answer).Message)
				assert.True(t, f.Held())
				require.Nil(t, f.send(nil), "the next one probes")
				assert.False(t, f.Held())
			})
		})
	}
}

// Refusals that were on the wire when the hold began are about the same fault: they do not lengthen it.
func TestLateRefusalsDoNotLengthenTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		sink := deliverytest.NewSender(func(_ context.Context, call int, _ delivery.Batch) error {
			time.Sleep(time.Duration(call) * 100 * time.Millisecond)
			return deliverytest.Refusal(400)
		})
		var all sync.WaitGroup
		begun := time.Now()
		for i := range 5 {
			all.Go(func() {
				_, err := f.Layer(sink).Send(t.Context(), deliverytest.Batch(i, 1))
				assert.Equal(t, 1100*time.Millisecond, time.Since(begun)+delivery.AsFailure(err).Wait, "all wait for the same moment")
			})
		}
		all.Wait()
		assert.Equal(t, []string{"refused"}, f.said)
	})
}

func TestParkingIsNoAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.NotNil(t, f.send(deliverytest.Refusal(400)))
		time.Sleep(time.Second)
		parked := delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) { return delivery.DeadLettered, nil })
		outcome, err := f.Layer(parked).Send(t.Context(), deliverytest.Batch(1, 1))
		require.NoError(t, err)
		assert.Equal(t, delivery.DeadLettered, outcome)
		assert.True(t, f.Held(), "nothing was accepted")
		require.Nil(t, f.send(nil), "the next one probes at once")
		assert.False(t, f.Held())
	})
}

func TestALongerWaitFromWithinStays(t *testing.T) {
	f := newFixture(t)
	refusal := deliverytest.Refusal(400)
	refusal.Wait = time.Hour
	assert.Equal(t, time.Hour, f.send(refusal).Wait)
}

func TestWorksUnheard(t *testing.T) {
	h := hold.New(hold.Settings{Interval: func(int) time.Duration { return 0 }})
	for _, answer := range []error{deliverytest.Refusal(400), nil} {
		_, err := h.Layer(deliverytest.NewSender(deliverytest.Always(answer))).Send(t.Context(), deliverytest.Batch(1, 1))
		assert.Equal(t, answer == nil, err == nil)
	}
}
