package breaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

func TestAConnectEndsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		assert.False(t, f.Knocked(true), "it is closed")
		f.fail(5)
		time.Sleep(20 * time.Second)
		assert.False(t, f.Knocked(false))
		assert.Equal(t, breaker.Open, f.State())
		assert.InDelta(t, 40*time.Second, f.Rest(), float64(time.Second), "what failed changes nothing")

		assert.True(t, f.Knocked(true))
		assert.Equal(t, breaker.HalfOpen, f.State())
		assert.Zero(t, f.Rest())
		assert.False(t, f.Knocked(true), "it does not rest")
		first := f.hang()
		require.NotNil(t, f.send(nil), "one lone probe, as after a whole rest")
		first <- nil
		synctest.Wait()
		require.Nil(t, f.send(nil))
		require.Nil(t, f.send(nil))
		assert.Equal(t, breaker.Closed, f.State())
		assert.Equal(t, []string{
			"closed → open: connection refused",
			"open → half-open: <nil>",
			"half-open → closed: <nil>",
		}, f.said)
	})
}

// A connect can succeed in the very moment in which the breaker opens.
func TestAConnectAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(5)
		require.True(t, f.Knocked(true))
		assert.Equal(t, breaker.Open, f.State())
		kept := f.send(nil)
		require.NotNil(t, kept)
		assert.LessOrEqual(t, kept.Wait, 2*time.Millisecond)
		time.Sleep(kept.Wait)
		assert.Equal(t, breaker.HalfOpen, f.State())
		require.Nil(t, f.send(nil))
	})
}

// What answers while the rest lasts must not end it: gobreaker would.
func TestAnOldAnswerDoesNotEndTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		slow := []chan<- error{f.hang(), f.hang()}
		f.fail(5)
		time.Sleep(time.Second)
		slow[0] <- nil
		slow[1] <- deliverytest.Broken()
		synctest.Wait()
		assert.Equal(t, breaker.Open, f.State())
		assert.Greater(t, f.Rest(), openFor-2*time.Second)
	})
}

// pretend is an outage in which every batch hangs and connects succeed or fail as
// answers tells. It gives when there were probes.
func pretend(t *testing.T, f *fixture, outage time.Duration, answers func(time.Duration) bool) (probes []time.Duration) {
	t.Helper()
	f.fail(5)
	began := time.Now()
	for time.Since(began) < outage {
		f.Knocked(answers(time.Since(began)))
		for range 10 {
			if f.State() == breaker.HalfOpen {
				probes = append(probes, time.Since(began))
				hung := f.hang()
				time.Sleep(5 * time.Second)
				hung <- deliverytest.Broken()
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}
	}
	return probes
}

// The n-th probe of an outage comes no earlier than (n-1) whole rests after the
// opening, however connects end.
func TestWakesCostNoMoreThanTheRestsDo(t *testing.T) {
	for name, answers := range map[string]func(time.Duration) bool{
		"every connect succeeds":       func(time.Duration) bool { return true },
		"every other":                  func(at time.Duration) bool { return at/(10*time.Second)%2 == 0 },
		"after a day of failures":      func(at time.Duration) bool { return at > 12*time.Hour },
		"every other after that":       func(at time.Duration) bool { return at > 12*time.Hour && at/(10*time.Second)%2 == 0 },
		"none but at the whole minute": func(at time.Duration) bool { return at%openFor < 10*time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				probes := pretend(t, f, 24*time.Hour, answers)
				for n, at := range probes {
					require.GreaterOrEqual(t, at, time.Duration(n)*openFor, "probe %d", n+1)
					if n > 1 {
						require.GreaterOrEqual(t, at-probes[n-2], openFor, "what was saved up is one probe at most")
					}
				}
				rests := int(24 * time.Hour / (openFor + 15*time.Second))
				assert.GreaterOrEqual(t, len(probes), rests, "it goes on probing")
			})
		})
	}
}

// Where every connect succeeds, and nothing else, one wake is all.
func TestAConnectThatProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		woke := func() bool { return f.Knocked(true) }
		f.fail(5)
		time.Sleep(time.Second)
		require.True(t, woke())
		f.fail(1) // fooled
		for range 5 {
			for range 5 {
				time.Sleep(openFor / 6)
				require.False(t, woke(), "not again in this outage")
			}
			time.Sleep(f.Rest())
			f.fail(1)
		}
		assert.False(t, f.Knocked(false))
		time.Sleep(openFor - time.Second)
		assert.True(t, woke(), "a connect that failed shows that others mean something")
		for range 3 {
			require.Nil(t, f.send(nil))
		}
		f.fail(5)
		time.Sleep(time.Second)
		assert.True(t, woke(), "and so does a closed breaker")
		require.Nil(t, f.send(nil))
		f.fail(1)
		time.Sleep(openFor - time.Second)
		assert.True(t, woke(), "the wake was right: something was answered")
	})
}

// Where somebody knocks, a batch asks again soon; it does not sleep through the rest.
func TestWhoRestsHearsOfTheWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := true
		f := &fixture{t: t, Breaker: breaker.New(breaker.Settings{
			Threshold: 5, OpenFor: openFor, HalfOpenMax: 3, MayWake: func() bool { return known },
		})}
		f.fail(4)
		const soon = 500 * time.Millisecond
		assert.Less(t, f.send(deliverytest.Broken()).Wait, soon, "the one that opened it")
		kept := f.send(nil)
		assert.Less(t, kept.Wait, soon)
		assert.Greater(t, kept.Wait, time.Duration(0))
		assert.Greater(t, f.Rest(), openFor, "the rest is what it is")
		assert.Equal(t, delivery.Path, kept.Fault)
		known = false
		assert.Greater(t, f.send(nil).Wait, openFor, "nobody knocks")
	})
}
