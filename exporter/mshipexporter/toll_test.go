package mshipexporter

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// tollLink is a link that takes a toll: it grants what is express at once, and all else as its gate is open.
type tollLink struct {
	fakeLink

	mu               sync.Mutex
	gate             chan struct{} // closed: open
	sent, back       []int
	waiting, express int
}

func newTollLink() *tollLink { return &tollLink{gate: make(chan struct{})} }

func (l *tollLink) count(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *tollLink) Toll(sink string, weight int, urgent bool) (pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error), leave func()) {
	l.sink, l.weight, l.urgent = sink, weight, urgent
	return l.pay, func() { l.left.Add(1) }
}

func (l *tollLink) pay(ctx context.Context, bytes int, express bool) (done func(sent bool), err error) {
	if express {
		l.count(func() { l.express++ })
	} else {
		l.count(func() { l.waiting++ })
		defer l.count(func() { l.waiting-- })
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-l.gate:
		}
	}
	return func(sent bool) {
		l.count(func() {
			if sent {
				l.sent = append(l.sent, bytes)
			} else {
				l.back = append(l.back, bytes)
			}
		})
	}, nil
}

func (l *tollLink) waits() (n int) {
	l.count(func() { n = l.waiting })
	return n
}

// aboardToll is an exporter whose sink the link does not see.
func aboardToll(t *testing.T, tel *componenttest.Telemetry, l *tollLink, shore *sinktest.Shore, settings string) *aboard {
	t.Helper()
	a := boardWith(t, func(set *exporter.Settings) { set.MeterProvider = tel.NewTelemetrySettings().MeterProvider },
		storagetest.New(), shore, settings, overLink, func(c *Config) { c.Retry.BackOff.RandomizationFactor = 0 })
	a.host.GetExtensions()[linkID] = l
	return a.start()
}

// However long a batch waits for the link, it is no attempt and no failure; it is sent when it is granted.
func TestABatchWaitsForTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, l, shore := componenttest.NewTelemetry(), newTollLink(), sinktest.New(sinktest.Take(time.Second))
		a := aboardToll(t, tel, l, shore, `{sink: {fakesink: {}}, link_weight: 4, urgent: false}`)
		assert.Equal(t, 4, l.weight)
		assert.False(t, l.urgent)
		assert.Equal(t, 1, a.lines("the link does not see"))
		assert.Equal(t, 1, a.lines("paced and counted by its size"))
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces("y")))
		time.Sleep(10 * time.Hour)
		assert.Equal(t, 2, l.waits())
		assert.Empty(t, shore.Attempts())
		const attempts, failed, state = "mship_sink_attempts_total", "mship_sink_error_total", "mship_sink_circuit_state"
		assert.Equal(t, map[string]int64{attempts: 0, failed: 0, state: 0}, values(t, tel, attempts, failed, state))
		close(l.gate)
		time.Sleep(2 * time.Second)
		require.Len(t, shore.Attempts(), 2)
		assert.Equal(t, map[string]int64{attempts: 2, failed: 0, state: 0}, values(t, tel, attempts, failed, state))
		assert.ElementsMatch(t, []int{payload.FromLogs(sinktest.Logs("x")).Bytes(), payload.FromTraces(sinktest.Traces("y")).Bytes()}, l.sent)
		a.stop()
		assert.EqualValues(t, 2, l.left.Load(), "both memberships")
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

// A shutdown wakes what waits at once, and keeps it.
func TestAShutdownEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, l, shore := componenttest.NewTelemetry(), newTollLink(), sinktest.New(nothing)
		a := aboardToll(t, tel, l, shore, plainSink)
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, l.waits())
		began := time.Now()
		a.stop()
		assert.Less(t, time.Since(began), grace/2)
		assert.Empty(t, shore.Attempts())
		assert.Zero(t, l.waits())
		assert.EqualValues(t, 1, a.logs.(*logsExporter).core.queued().Batches, "it stays in the queue")
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

// When the breaker opens, those who wait go back: else the first probe would wait behind them.
func TestAProbeDoesNotWaitBehindABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := &net.OpError{Op: "dial", Err: errors.New("no route to the far end")}
		tel, l, shore := componenttest.NewTelemetry(), newTollLink(), sinktest.New(sinktest.Refuse(0, down))
		a := aboardToll(t, tel, l, shore, plainSink)
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		for range 20 {
			require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces("y")))
		}
		time.Sleep(time.Minute)
		require.Greater(t, l.waits(), 5)
		core := a.logs.(*logsExporter).core
		for core.state() == 0 { // the link grants one after the other, until the breaker opens
			l.gate <- struct{}{}
			synctest.Wait()
		}
		assert.Zero(t, l.waits())
		time.Sleep(time.Minute + time.Second)
		l.count(func() {
			assert.Equal(t, 1, l.express, "the probe")
			assert.Empty(t, l.sent, "nothing was sent")
			assert.NotEmpty(t, l.back)
		})
		shore.Answer(nothing)
		close(l.gate)
		time.Sleep(10 * time.Minute)
		assert.Zero(t, core.queued().Batches)
		a.stop()
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

// What the link sees pays at its connections.
func TestASinkThatTheLinkSeesPaysNoToll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, l, shore := componenttest.NewTelemetry(), newTollLink(), sinktest.New(nothing)
		a := aboardToll(t, tel, l, shore, `{sink: {otlp_http: {}}}`)
		assert.Zero(t, a.lines("the link does not see"))
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		time.Sleep(time.Minute)
		assert.Zero(t, l.waits())
		assert.Len(t, shore.Attempts(), 1)
		a.stop()
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}
