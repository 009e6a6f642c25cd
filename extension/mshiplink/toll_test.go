package mshiplink

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
)

const tollRate = 100_000

// A sink that the link does not see is as fast as the link, over any time.
func TestTheTollIsPaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil, nil, map[string]any{"bytes_per_second": tollRate})
		pay, leave := a.Toll("kafka", 1, true)
		defer leave()
		began := time.Now()
		for range 20 {
			done, err := pay(t.Context(), tollRate/2, false)
			require.NoError(t, err)
			assert.LessOrEqual(t, a.meters.rate(), int64(tollRate+tollRate/8))
			done(true)
		}
		assert.InDelta(t, 10, time.Since(began).Seconds(), 0.1)
		m := a.meters.of("kafka")
		assert.EqualValues(t, 10*tollRate, m.up.Load())
		assert.InDelta(t, 10, time.Duration(m.waited.Load()).Seconds(), 0.1)
		assert.Equal(t, costs.Bytes{Up: 10 * tollRate}, a.costs.Day().Sinks["kafka"])
		done, err := pay(t.Context(), 0, false)
		require.NoError(t, err)
		done(true)
		a.stop()
	})
}

func TestTheTollsShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil, nil, map[string]any{"bytes_per_second": tollRate})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var all sync.WaitGroup
		var paid [2]atomic.Int64
		for i, weight := range []int{4, 1} {
			pay, leave := a.Toll([]string{"kafka", "file"}[i], weight, true)
			defer leave()
			for range 3 {
				all.Go(func() {
					for {
						done, err := pay(ctx, 20_000, false)
						if err != nil {
							return
						}
						paid[i].Add(20_000)
						done(true)
					}
				})
			}
		}
		time.Sleep(20 * time.Second)
		assert.InEpsilon(t, 4, float64(paid[0].Load())/float64(paid[1].Load()), 0.1)

		probe, leave := a.Toll("probe", 1, true)
		defer leave()
		began := time.Now()
		done, err := probe(ctx, tollRate/2, true)
		require.NoError(t, err)
		done(true)
		assert.InDelta(t, 0.5, time.Since(began).Seconds(), 0.1, "it waits behind no backlog")
		all.Wait()
		a.stop()
	})
}

// A wait that ends gives back what it had been granted, and what was not sent is not paid.
func TestAWaitForTheTollEnds(t *testing.T) {
	t.Parallel()
	const limit = 1_000_000
	gone := errors.New("gone")
	for name, end := range map[string]func(a *aboard, leave func(), cancel context.CancelCauseFunc){
		"context":  func(_ *aboard, _ func(), cancel context.CancelCauseFunc) { cancel(gone) },
		"leave":    func(_ *aboard, leave func(), _ context.CancelCauseFunc) { leave() },
		"shutdown": func(a *aboard, _ func(), _ context.CancelCauseFunc) { a.pacer.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := start(t, newDisk(), nil, map[string]any{"bytes_per_second": tollRate, "allowance": map[string]any{"bytes": limit}})
				pay, leave := a.Toll("kafka", 1, true)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				failed := make(chan error, 1)
				go func() {
					_, err := pay(ctx, 10*tollRate, false)
					failed <- err
				}()
				time.Sleep(5 * time.Second)
				assert.Less(t, a.account.Left(), int64(limit-4*tollRate))
				end(a, leave, cancel)
				err := <-failed
				if require.Error(t, err); name == "context" {
					require.ErrorIs(t, err, gone)
				}
				assert.EqualValues(t, limit, a.account.Left())
				assert.Zero(t, a.meters.of("kafka").up.Load())
				assert.Empty(t, a.costs.Day().Sinks)
				a.stop()
			})
		})
	}
}

func TestWhatWasNotSentIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 1_000_000
		a := start(t, newDisk(), nil, map[string]any{"bytes_per_second": tollRate, "allowance": map[string]any{"bytes": limit}})
		pay, leave := a.Toll("kafka", 1, true)
		defer leave()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for range 30 { // of an outage
			done, err := pay(ctx, tollRate, false)
			require.NoError(t, err)
			done(false)
		}
		assert.EqualValues(t, limit, a.account.Left())
		assert.Zero(t, a.meters.of("kafka").up.Load())
		done, err := pay(t.Context(), tollRate, false)
		require.NoError(t, err)
		done(true)
		assert.EqualValues(t, limit-tollRate, a.account.Left())
		a.stop()
	})
}

// The allowance and the windows hold it as they hold everything.
func TestTheTollWaitsForItsHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, nil, nil, map[string]any{"bytes_per_second": tollRate, "windows": []any{map[string]any{"from": "06:00", "to": "07:00"}}})
		pay, leave := a.Toll("bulk", 1, false) // it is midnight
		defer leave()
		began := time.Now()
		done, err := pay(t.Context(), 1000, true)
		require.NoError(t, err)
		done(true)
		assert.InDelta(t, 6*time.Hour, time.Since(began), float64(time.Second))
		a.stop()
	})
}

// Who waits for the next period waits, and does not turn round and round.
func TestTheTollWaitsForTheNextPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 1_000_000
		a := start(t, newDisk(), nil, map[string]any{"bytes_per_second": tollRate, "allowance": map[string]any{"bytes": limit, "per": "day"}})
		pay, leave := a.Toll("kafka", 1, true) // it is midnight
		defer leave()
		began := time.Now()
		for range 15 {
			done, err := pay(t.Context(), tollRate, false)
			require.NoError(t, err)
			done(true)
		}
		assert.InDelta(t, 24*time.Hour, time.Since(began), float64(6*time.Second))
		assert.EqualValues(t, limit/2, a.account.Left())
		a.stop()
	})
}

func TestTheTollOfALinkThatIsNotStarted(t *testing.T) {
	t.Parallel()
	pay, leave := (&Link{}).Toll("kafka", 1, true)
	defer leave()
	_, err := pay(t.Context(), 1, false)
	assert.ErrorIs(t, err, errNotStarted)
}
