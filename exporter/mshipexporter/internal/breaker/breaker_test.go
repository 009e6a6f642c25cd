package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

const openFor = time.Minute

// fixture is a breaker that opens after five failures, probes with three, and what it said.
type fixture struct {
	*breaker.Breaker
	t    *testing.T
	said []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.Breaker = breaker.New(breaker.Settings{
		Threshold: 5, OpenFor: openFor, HalfOpenMax: 3,
		OnChange: func(from, to breaker.State, cause error) {
			f.State() // no lock is held that these take
			f.Rest()
			f.said = append(f.said, fmt.Sprintf("%s → %s: %v", from, to, cause))
		},
	})
	return f
}

func (f *fixture) send(answer error) *delivery.Failure {
	f.t.Helper()
	_, err := f.Layer(deliverytest.NewSender(deliverytest.Always(answer))).Send(f.t.Context(), deliverytest.Batch(1, 1))
	if err == nil {
		return nil
	}
	return delivery.AsFailure(err)
}

func (f *fixture) fail(times int) {
	f.t.Helper()
	for range times {
		require.Equal(f.t, "connection refused", f.send(deliverytest.Broken()).Message)
	}
}

// hang puts a request on the wire; the answer is awaited.
func (f *fixture) hang() (answer chan<- error) {
	f.t.Helper()
	answers := make(chan error)
	sink := deliverytest.NewSender(func(context.Context, int, delivery.Batch) error { return <-answers })
	go func() { _, _ = f.Layer(sink).Send(f.t.Context(), deliverytest.Batch(1, 1)) }()
	synctest.Wait()
	require.Equal(f.t, 1, sink.InFlight())
	return answers
}

func TestOpensAtTheThreshold(t *testing.T) {
	for name, test := range map[string]struct {
		answers []error
		state   breaker.State
	}{
		"one below":                        {[]error{deliverytest.Broken()}, breaker.Closed},
		"reached":                          {[]error{deliverytest.Broken(), deliverytest.Broken()}, breaker.Open},
		"an answer that blames the path":   {[]error{deliverytest.Answered(500), deliverytest.Answered(401)}, breaker.Open},
		"an unknown error":                 {[]error{errors.New("?"), errors.New("?")}, breaker.Open},
		"a success in between":             {[]error{nil, deliverytest.Broken(), deliverytest.Broken()}, breaker.Closed},
		"this batch is a success":          {[]error{deliverytest.Refusal(400), deliverytest.Broken(), deliverytest.Broken()}, breaker.Closed},
		"only this batch":                  {[]error{deliverytest.Refusal(400), deliverytest.Refusal(400)}, breaker.Closed},
		"we count for nothing":             {[]error{deliverytest.OurDoing(), deliverytest.OurDoing(), deliverytest.Broken()}, breaker.Closed},
		"we are no success between either": {[]error{deliverytest.Broken(), deliverytest.OurDoing(), deliverytest.Broken()}, breaker.Open},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.fail(3)
			for _, answer := range test.answers {
				_ = f.send(answer)
			}
			assert.Equal(t, test.state, f.State(), "%s", f.State())
		})
	}
}

func TestThroughOpenAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		assert.Zero(t, f.Rest())
		f.fail(4)
		assert.Greater(t, f.send(deliverytest.Broken()).Wait, openFor, "the batch that opened it rests too")

		time.Sleep(20 * time.Second)
		kept := f.send(nil)
		assert.Equal(t, delivery.Path, kept.Fault)
		assert.False(t, kept.Sent)
		assert.InDelta(t, 40*time.Second, kept.Wait, float64(10*time.Millisecond))
		assert.Equal(t, kept.Wait, f.Rest())
		assert.ErrorContains(t, kept, "connection refused", "the cause is told")

		time.Sleep(kept.Wait)
		assert.Equal(t, breaker.HalfOpen, f.State())
		assert.Zero(t, f.Rest())
		f.fail(1)
		assert.Equal(t, breaker.Open, f.State(), "one failed probe is enough")
		assert.Greater(t, f.Rest(), openFor, "and it rests for the whole time again")

		time.Sleep(f.Rest())
		for range 3 {
			require.Equal(t, breaker.HalfOpen, f.State())
			require.Nil(t, f.send(nil))
		}
		assert.Equal(t, breaker.Closed, f.State())
		assert.Equal(t, []string{
			"closed → open: connection refused",
			"open → half-open: <nil>",
			"half-open → open: connection refused",
			"open → half-open: <nil>",
			"half-open → closed: <nil>",
		}, f.said)
		f.fail(4)
		assert.Equal(t, breaker.Closed, f.State(), "old failures are forgotten")
	})
}

func TestALoneProbeThenAFewThenEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(5)
		time.Sleep(f.Rest())

		first := f.hang()
		second := f.send(nil)
		require.NotNil(t, second, "one lone probe")
		assert.False(t, second.Sent)
		assert.InDelta(t, 100*time.Millisecond, second.Wait, float64(100*time.Millisecond))
		first <- nil
		synctest.Wait()

		two, three := f.hang(), f.hang()
		require.NotNil(t, f.send(nil), "no more than three in all")
		two <- nil
		synctest.Wait()
		require.NotNil(t, f.send(nil))
		three <- nil
		synctest.Wait()
		assert.Equal(t, breaker.Closed, f.State())
		require.Nil(t, f.send(nil))
	})
}

func TestAProbeThatIsCutLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(5)
		time.Sleep(f.Rest())
		for range 10 {
			assert.Equal(t, delivery.Us, f.send(deliverytest.OurDoing()).Fault)
			assert.Equal(t, breaker.HalfOpen, f.State())
		}
		for range 3 {
			require.Nil(t, f.send(nil))
		}
		assert.Equal(t, breaker.Closed, f.State())
	})
}

func TestARefusedBatchIsAProbeThatSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(5)
		time.Sleep(f.Rest())
		for range 3 {
			assert.Equal(t, delivery.ThisBatch, f.send(deliverytest.Refusal(400)).Fault)
		}
		assert.Equal(t, breaker.Closed, f.State())
	})
}

// What was sent before the breaker opened is on the wire as much as a probe is.
func TestOlderRequestsTakeTheProbesPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		slow := []chan<- error{f.hang(), f.hang(), f.hang(), f.hang()}
		f.fail(5)
		time.Sleep(f.Rest())
		kept := f.send(nil)
		require.NotNil(t, kept, "four are under way, three may be")
		assert.Greater(t, kept.Wait, time.Duration(0))
		slow[0] <- nil
		synctest.Wait()
		require.NotNil(t, f.send(nil), "three are under way")
		slow[1] <- deliverytest.Broken()
		synctest.Wait()
		require.Equal(t, breaker.HalfOpen, f.State(), "an old answer decides nothing")
		require.Nil(t, f.send(nil))
		slow[2] <- nil
		slow[3] <- nil
	})
}

func TestALongerWaitFromWithinStays(t *testing.T) {
	f := newFixture(t)
	asked := deliverytest.Answered(503)
	asked.Wait = time.Hour
	for range 5 {
		assert.Equal(t, time.Hour, f.send(asked).Wait)
	}
}

func TestStatesAreNumberedAsTheMetricIs(t *testing.T) {
	assert.Equal(t, []breaker.State{0, 1, 2}, []breaker.State{breaker.Closed, breaker.Open, breaker.HalfOpen})
	assert.Equal(t, "closed open half-open", fmt.Sprint(breaker.Closed, breaker.Open, breaker.HalfOpen))
}
