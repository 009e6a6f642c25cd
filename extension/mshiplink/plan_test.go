package mshiplink

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/metadatatest"
)

// clock is a wall clock that the test sets.
type clock struct {
	mu    sync.Mutex
	wrong time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wrong)
}

// shows sets the clock.
func (c *clock) shows(t time.Time) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = time.Until(t)
	return c
}

// drains sends until the time is over, over new connections.
func drains(t *testing.T, dial dialFunc, f *farSide, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	backlog(ctx, &all, 2, httpClient(false, false)(t, dial, f))
	all.Wait()
}

// The plan is used up in the middle of a drain, over two kills; then a period begins.
func TestTheAllowanceOverKills(t *testing.T) {
	t.Parallel()
	const limit = 1_000_000
	storage := newDisk()
	now := (&clock{}).shows(time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC))
	raw := func() map[string]any {
		return map[string]any{"bytes_per_second": 2_000_000, "allowance": map[string]any{"bytes": limit, "per": "day"}}
	}
	side := listen(t)
	serveHTTP(false, false)(t, side)
	cost := func(a *aboard) int64 { m := a.meters.of("shore"); return m.up.Load() + m.down.Load() }
	var spent int64
	for range 3 {
		a := start(t, storage, now.now, raw())
		dial, leave := a.Dialer("shore", 1, true)
		drains(t, dial, side, 200*time.Millisecond)
		storage = storage.killed()
		leave()
		a.stop()
		spent += cost(a)
	}
	assert.LessOrEqual(t, spent, int64(limit))
	a := start(t, storage, now.now, raw())
	dial, leave := a.Dialer("shore", 1, true)
	defer leave()
	drains(t, dial, side, time.Second)
	spent += cost(a)
	assert.LessOrEqual(t, spent, int64(limit)*101/100, "of which what came back may be over it")
	assert.GreaterOrEqual(t, spent, int64(limit)*99/100)
	assert.LessOrEqual(t, side.sum(), limit)
	assert.Equal(t, 1, a.said("the allowance is used up: nothing is sent"))
	metadatatest.AssertEqualLinkAllowanceRemainingBytes(t, a.tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("link", "mship_link/vsat")), Value: 0},
	}, metricdatatest.IgnoreTimestamp())

	began := time.Now()
	_, err := dial(deadlined(t, 50*time.Millisecond), "tcp", side.Addr().String())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(began), patience)

	before := side.sum()
	now.shows(time.Date(2026, 11, 27, 23, 59, 59, 0, time.UTC))
	a.account.Spend(0)
	require.Eventually(t, func() bool { return a.said("a new period of the allowance has begun") == 1 }, patience, 10*time.Millisecond)
	drains(t, dial, side, 300*time.Millisecond)
	assert.Greater(t, side.sum(), before+50_000)
}

func deadlined(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestSlowWhenExhausted(t *testing.T) {
	t.Parallel()
	a := start(t, newDisk(), nil, map[string]any{"bytes_per_second": 2_000_000, "burst": 40_000, "allowance": map[string]any{
		"bytes": 300_000, "on_exhausted": "slow", "slow_bytes_per_second": 20_000,
	}})
	side := listen(t)
	serveHTTP(false, false)(t, side)
	dial, leave := a.Dialer("shore", 1, true)
	defer leave()
	drains(t, dial, side, 3*time.Second)
	assert.Greater(t, side.sum(), 300_000)
	assert.Less(t, side.sum(), 300_000+3*20_000+2*40_000)
	assert.Equal(t, 1, a.said("the link is slow"))
	s := a.status()
	assert.EqualValues(t, 20_000, s.Granted)
	assert.Zero(t, s.Allowance.Left)
}

func TestWindows(t *testing.T) {
	t.Parallel()
	now := (&clock{}).shows(time.Date(2026, 11, 27, 21, 59, 58, 500_000_000, time.UTC))
	a := start(t, nil, now.now, rated(map[string]any{"windows": []any{map[string]any{"from": "22:00", "to": "06:00"}}}))
	assert.Equal(t, 1, a.said("the window is closed"))
	side, other := listen(t), listen(t)
	serveHTTP(false, false)(t, side)
	serveHTTP(false, false)(t, other)
	bulk, leave := a.Dialer("logs", 1, false)
	defer leave()
	urgent, leaveToo := a.Dialer("alarms", 1, true)
	defer leaveToo()
	_, err := bulk(deadlined(t, 20*time.Millisecond), "tcp", side.Addr().String())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var all sync.WaitGroup
	all.Go(func() { drains(t, bulk, side, 3*time.Second) })
	all.Go(func() { drains(t, urgent, other, 500*time.Millisecond) })
	time.Sleep(500 * time.Millisecond)
	assert.Zero(t, side.sum(), "bulk waits, and does not even connect")
	assert.NotZero(t, other.sum())
	all.Wait()
	assert.NotZero(t, side.sum())
	assert.Equal(t, 1, a.said("a window has opened"))
}

// leave and shutdown end what waits.
func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *aboard, leave func(), c net.Conn){
		"leave":    func(_ *aboard, leave func(), _ net.Conn) { leave() },
		"shutdown": func(a *aboard, _ func(), _ net.Conn) { a.stop() },
		"close":    func(_ *aboard, _ func(), c net.Conn) { _ = c.Close() },
		"deadline": func(_ *aboard, _ func(), c net.Conn) { _ = c.SetWriteDeadline(time.Now().Add(time.Millisecond)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, nil, nil, map[string]any{"bytes_per_second": 128, "burst": 2048})
			side := listen(t)
			t.Cleanup(func() { _ = side.Close() })
			dial, leave := a.Dialer("shore", 1, true)
			defer leave()
			c, err := dial(t.Context(), "tcp", side.Addr().String())
			require.NoError(t, err)
			defer func() { _ = c.Close() }()
			done := make(chan error, 1)
			go func() {
				_, err := c.Write(make([]byte, 1<<20))
				done <- err
			}()
			waits := c.(interface{ Waiting() bool })
			require.Eventually(t, waits.Waiting, patience, time.Millisecond)
			end(a, leave, c)
			select {
			case err := <-done:
				require.Error(t, err)
			case <-time.After(patience):
				t.Fatal("it still waits")
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveHTTP(false, false)(t, side)
	dial, leave := a.Dialer("shore", 1, true)
	drains(t, dial, side, time.Second)
	leave()
	m := a.meters.of("shore")
	label := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(more, attribute.String("link", "mship_link/vsat"), attribute.String("sink", "shore"))...)
	}
	require.Eventually(t, func() bool { return m.up.Load() >= int64(side.sum()) }, patience, time.Millisecond)
	metadatatest.AssertEqualLinkBytesTotal(t, a.tel, []metricdata.DataPoint[int64]{
		{Attributes: label(attribute.String("direction", "up")), Value: m.up.Load()},
		{Attributes: label(attribute.String("direction", "down")), Value: m.down.Load()},
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualLinkWaitSecondsTotal(t, a.tel, []metricdata.DataPoint[float64]{
		{Attributes: label(), Value: m.waits.total()},
	}, metricdatatest.IgnoreTimestamp())
	assert.NotZero(t, m.waits.total())
	rate, err := a.tel.GetMetric("mship_link_rate_bytes_per_second")
	require.NoError(t, err)
	assert.LessOrEqual(t, rate.Data.(metricdata.Gauge[int64]).DataPoints[0].Value, int64(testRate+testBurst))
	require.Eventually(t, func() bool { return a.meters.rate() == 0 }, patience, 50*time.Millisecond)
	_, err = a.tel.GetMetric("mship_link_allowance_remaining_bytes")
	require.Error(t, err, "there is none")
}
