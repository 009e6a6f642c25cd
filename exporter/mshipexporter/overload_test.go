package mshipexporter

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

const zstdSink = `{sink: {otlp_http: {endpoint: "http://shore.test", compression: zstd}}}`

const httpSink = `{sink: {otlp_http: {endpoint: "http://shore.test"}}}`

// A far end that is overloaded for a day takes one batch after each rest of the
// breaker and answers 503 to the others. Each refusal of a batch has its
// witness then, but the breaker never closes: nobody is moved, nobody is parked.
func TestADayOf503MovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var last time.Time
		shore := sinktest.New(func(_ context.Context, at sinktest.Attempt) error {
			mu.Lock()
			defer mu.Unlock()
			if at.Records[0] == "stuck" || time.Since(last) < 50*time.Second {
				return &sinktest.Status{Code: 503}
			}
			last = time.Now()
			return nil
		})
		a := board(t, storagetest.New(), shore, httpSink, func(c *Config) { c.Queue.Get().NumConsumers = 2 }).start()
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("stuck")))
		const others = 300
		var want []string
		for n := range others {
			want = append(want, fmt.Sprint(n))
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
		}
		time.Sleep(24 * time.Hour)
		assert.Equal(t, want, shore.Taken(pipeline.SignalLogs), "in order")
		refused := 0
		for _, at := range shore.Attempts() {
			if at.Records[0] == "stuck" {
				refused++
			}
		}
		assert.Greater(t, refused, 100)
		assert.Zero(t, a.lines("parked"))

		shore.Answer(sinktest.Take(0))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, append(want, "stuck"), shore.Taken(pipeline.SignalLogs))
		a.stop()
	})
}
