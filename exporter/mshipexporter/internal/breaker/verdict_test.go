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

// reset is what each request gets to know whose connection breaks.
func reset() error {
	return &delivery.Failure{Message: "connection reset by peer", Sent: true, Broken: true}
}

func silentFailure() error { return &delivery.Failure{Message: "no answer", Sent: true, Timeout: true} }

// hanging are so many requests on the wire; end answers all of them.
func (f *fixture) hanging(n int) (end func(error)) {
	f.t.Helper()
	var answers []chan<- error
	for range n {
		answers = append(answers, f.hang())
	}
	return func(err error) {
		for _, a := range answers {
			a <- err
			synctest.Wait()
		}
	}
}

// One connection that breaks fails every request on it, and is one failure.
func TestAResetCountsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		state  breaker.State
	}{
		"a reset":                     {reset(), breaker.Closed},
		"a silence counts each time":  {silentFailure(), breaker.Open},
		"so does what was not dialed": {deliverytest.Broken(), breaker.Open},
		"and an answer":               {deliverytest.Answered(503), breaker.Open},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.hanging(10)(c.answer)
				assert.Equal(t, c.state, f.State())
			})
		})
	}
}

func TestEveryResetCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for n := range 5 {
			require.Equal(t, breaker.Closed, f.State(), "after %d", n)
			f.hanging(10)(reset())
		}
		assert.Equal(t, breaker.Open, f.State())
		assert.Equal(t, []string{"closed → open: connection reset by peer"}, f.said)
	})
}

// What counts for nothing is no success either.
func TestWhatWasOnABrokenConnectionIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(3)
		f.hanging(10)(reset()) // the fourth
		require.Equal(t, breaker.Closed, f.State())
		f.fail(1)
		assert.Equal(t, breaker.Open, f.State())
	})
}

// A probe whose connection breaks has failed.
func TestAProbeThatIsResetFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		end := f.hanging(2)
		f.fail(5)
		time.Sleep(time.Second)
		end(reset()) // from before: decides nothing, and counts for nothing
		time.Sleep(f.Rest())
		probe := f.hang()
		probe <- reset()
		synctest.Wait()
		assert.Equal(t, breaker.Open, f.State())
	})
}
