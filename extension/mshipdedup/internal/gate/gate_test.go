package gate_test

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

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/gate"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

var key, other = seen.KeyOf("/v1/logs", "1"), seen.KeyOf("/v1/logs", "2")

const maxWait = 30 * time.Second

// memory takes a second to store a key, and knows it only then.
type memory struct {
	mu   sync.Mutex
	keys map[seen.Key]bool
	err  error
}

func (m *memory) Has(k seen.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[k]
}

func (m *memory) Add(ctx context.Context, keys ...seen.Key) error {
	time.Sleep(time.Second)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		m.keys[k] = true
	}
	return m.err
}

// in runs a test on a gate with a fake clock.
func in(t *testing.T, test func(t *testing.T, g *gate.Gate, m *memory, waits *atomic.Int64)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, waits := &memory{keys: map[seen.Key]bool{}}, &atomic.Int64{}
		test(t, gate.New(m, maxWait, func() { waits.Add(1) }), m, waits)
	})
}

func TestOnlyTheFirstIsLetThrough(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, waits *atomic.Int64) {
		pass, err := g.Enter(t.Context(), key, nil)
		require.NoError(t, err)
		pass.Taken(t.Context())
		pass.Close()
		_, err = g.Enter(t.Context(), key, nil)
		require.ErrorIs(t, err, gate.ErrTaken)
		pass, err = g.Enter(t.Context(), other, nil)
		require.NoError(t, err)
		pass.Close()
		assert.Zero(t, waits.Load())
	})
}

func TestAFailureIsNotRemembered(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, _ *atomic.Int64) {
		for range 3 {
			pass, err := g.Enter(t.Context(), key, nil)
			require.NoError(t, err)
			pass.Close()
		}
	})
}

// A key that could not be stored is remembered in memory: the data was taken.
func TestAKeyThatIsNotStoredIsTaken(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, m *memory, _ *atomic.Int64) {
		m.err = errors.New("disk full")
		pass, err := g.Enter(t.Context(), key, nil)
		require.NoError(t, err)
		pass.Taken(t.Context())
		pass.Close()
		_, err = g.Enter(t.Context(), key, nil)
		require.ErrorIs(t, err, gate.ErrTaken)
	})
}

// The client that goes away before it has its answer is the one that sends again.
func TestRemembersThoughTheClientIsGone(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, _ *atomic.Int64) {
		ctx, cancel := context.WithCancel(t.Context())
		pass, err := g.Enter(ctx, key, nil)
		require.NoError(t, err)
		cancel()
		pass.Taken(ctx)
		pass.Close()
		_, err = g.Enter(t.Context(), key, nil)
		require.ErrorIs(t, err, gate.ErrTaken)
	})
}

// Ten requests with one key: one is in flight at any time; after three failures the fourth is taken.
func TestOneAfterTheOther(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, waits *atomic.Int64) {
		var inFlight, tried, taken atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				pass, err := g.Enter(t.Context(), key, nil)
				if errors.Is(err, gate.ErrTaken) {
					taken.Add(1)
					return
				}
				assert.NoError(t, err)
				defer pass.Close()
				assert.EqualValues(t, 1, inFlight.Add(1))
				defer inFlight.Add(-1)
				time.Sleep(time.Second)
				if tried.Add(1) == 4 {
					pass.Taken(t.Context())
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 4, tried.Load())
		assert.EqualValues(t, 6, taken.Load())
		assert.EqualValues(t, 9, waits.Load())
	})
}

func TestWaitsNoLongerThanItsClient(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, _ *atomic.Int64) {
		pass, err := g.Enter(t.Context(), key, nil)
		require.NoError(t, err)
		defer pass.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err = g.Enter(ctx, key, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

func TestWaitsNoLongerThanItMay(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, _ *atomic.Int64) {
		pass, err := g.Enter(t.Context(), key, nil)
		require.NoError(t, err)
		defer pass.Close()
		begin := time.Now()
		_, err = g.Enter(t.Context(), key, nil)
		require.ErrorIs(t, err, gate.ErrBusy)
		assert.Equal(t, maxWait, time.Since(begin))
	})
}

func TestIsAskedBeforeItWaits(t *testing.T) {
	in(t, func(t *testing.T, g *gate.Gate, _ *memory, _ *atomic.Int64) {
		no := errors.New("no")
		calls := 0
		before := func() error { calls++; return no }
		pass, err := g.Enter(t.Context(), key, before)
		require.NoError(t, err)
		assert.Zero(t, calls)
		_, err = g.Enter(t.Context(), key, before)
		require.ErrorIs(t, err, no)
		pass.Close()
	})
}
