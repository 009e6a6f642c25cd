package mshipexporter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// values are what the metrics with the label sink="shore" and no other say.
func values(t *testing.T, tel *componenttest.Telemetry, names ...string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, name := range names {
		m, err := tel.GetMetric(name)
		require.NoError(t, err)
		var points []metricdata.DataPoint[int64]
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			points = data.DataPoints
		case metricdata.Gauge[int64]:
			points = data.DataPoints
		}
		require.Len(t, points, 1, "%s is made once, not for each signal", name)
		sink, ok := points[0].Attributes.Value("sink")
		require.True(t, ok)
		assert.Equal(t, "shore", sink.AsString())
		assert.Equal(t, 1, points[0].Attributes.Len(), name)
		out[name] = points[0].Value
	}
	return out
}

func TestTheSevenMetrics(t *testing.T) {
	const (
		retry, fail, timeout = "mship_sink_retry_total", "mship_sink_error_total", "mship_sink_timeout_total"
		state, opened        = "mship_sink_circuit_state", "mship_sink_circuit_open_total"
		depth, size          = "mship_queue_depth", "mship_queue_bytes"
	)
	all := []string{retry, fail, timeout, state, opened, depth, size}
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		shore := sinktest.New(sinktest.Refuse(0, errNoLink))
		a := boardWith(t, func(set *exporter.Settings) {
			set.TelemetrySettings = tel.NewTelemetrySettings()
		}, storagetest.New(), shore, plainSink, func(c *Config) {
			c.Retry.BackOff.RandomizationFactor = 0
			c.Queue.Get().NumConsumers = 1
		})
		a.start()
		assert.Equal(t, map[string]int64{retry: 0, fail: 0, timeout: 0, state: 0, opened: 0, depth: 0, size: 0}, values(t, tel, all...))

		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		time.Sleep(100 * time.Millisecond) // else both may be on the wire when the breaker opens
		require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces("y")))
		time.Sleep(20 * time.Second)
		got := values(t, tel, all...)
		assert.Positive(t, got[size])
		delete(got, size)
		assert.Equal(t, map[string]int64{retry: 3, fail: 5, timeout: 0, state: 1, opened: 1, depth: 2}, got)

		shore.Answer(sinktest.Hang)
		time.Sleep(61 * time.Second)
		assert.EqualValues(t, 2, values(t, tel, state)[state], "half-open while the probe hangs")
		a.stop()
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}

// boardWith is board with other settings of the collector.
func boardWith(t *testing.T, change func(*exporter.Settings), disk *storagetest.Storage, shore *sinktest.Shore, settings string, adjust ...func(*Config)) *aboard {
	t.Helper()
	a := board(t, disk, shore, settings, adjust...)
	change(&a.set)
	a.set.ID = component.MustNewIDWithName(metadata.Type.String(), "shore")
	a.create()
	return a
}

func TestTheAgeOfTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		a := boardWith(t, func(set *exporter.Settings) {
			set.TelemetrySettings = tel.NewTelemetrySettings()
		}, storagetest.New(), sinktest.New(sinktest.Take(time.Second)), plainSink).start()
		age := func() float64 {
			m, err := tel.GetMetric("mship_queue_oldest_age_seconds")
			require.NoError(t, err)
			points := m.Data.(metricdata.Gauge[float64]).DataPoints
			require.Len(t, points, 1)
			return points[0].Value
		}
		assert.Zero(t, age())
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		time.Sleep(300 * time.Millisecond)
		assert.InDelta(t, 0.3, age(), 0.01)
		time.Sleep(time.Minute)
		assert.Zero(t, age(), "it is delivered")
		a.stop()
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}
