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

// sized sends a batch of so many records.
func (f *fixture) sized(records int, answer error) *delivery.Failure {
	f.t.Helper()
	_, err := f.Layer(deliverytest.NewSender(deliverytest.Always(answer))).Send(f.t.Context(), deliverytest.Batch(1, records))
	if err == nil {
		return nil
	}
	return delivery.AsFailure(err)
}

func TestTheSmallestBatchProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.sized(1, deliverytest.Broken()) // not among those that rest
		for range 4 {
			f.sized(900, deliverytest.Broken())
		}
		require.Equal(t, breaker.Open, f.State())
		for _, records := range []int{500, 7, 70} {
			require.NotNil(t, f.sized(records, nil))
		}
		time.Sleep(f.Rest())
		for _, records := range []int{900, 500, 70, 8} {
			kept := f.sized(records, nil)
			require.NotNil(t, kept, "%d records", records)
			assert.False(t, kept.Sent)
			assert.LessOrEqual(t, kept.Wait, 100*time.Millisecond)
		}
		require.True(t, f.sized(7, deliverytest.Broken()).Sent)

		require.Equal(t, breaker.Open, f.State())
		require.NotNil(t, f.sized(70, nil), "the one that failed rests as well")
		time.Sleep(f.Rest())
		require.False(t, f.sized(70, nil).Sent)
		require.Nil(t, f.sized(5, nil), "one that is smaller yet need not wait")
		require.Nil(t, f.sized(900, nil), "after the first success size does not matter")
	})
}

// The smallest may be gone: its place is not kept for long.
func TestTheProbesPlaceIsKeptForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.fail(5)
		f.sized(3, nil)
		time.Sleep(f.Rest())
		began := time.Now()
		for {
			kept := f.sized(900, nil)
			if kept == nil {
				break
			}
			require.Positive(t, kept.Wait)
			time.Sleep(kept.Wait)
		}
		assert.LessOrEqual(t, time.Since(began), 600*time.Millisecond)
		assert.Positive(t, time.Since(began))
	})
}
