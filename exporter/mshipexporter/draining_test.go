package mshipexporter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// A backlog of a batch a second: through a drain, an outage, a restart, to the end.
func TestHowLongTheDrainTakes(t *testing.T) {
	const unknown = -1.0
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		shore, disk := sinktest.New(sinktest.Take(time.Second)), storagetest.New()
		start := func() *aboard {
			return boardWith(t, func(set *exporter.Settings) {
				set.TelemetrySettings = tel.NewTelemetrySettings()
			}, disk, shore, plainSink, func(c *Config) { c.Queue.Get().NumConsumers = 1 }).start()
		}
		says := func(want float64, when string) {
			t.Helper()
			m, err := tel.GetMetric("mship_queue_drain_eta_seconds")
			if want == unknown {
				require.Error(t, err, when)
				return
			}
			require.NoError(t, err, when)
			points := m.Data.(metricdata.Gauge[float64]).DataPoints
			require.Len(t, points, 1)
			sink, _ := points[0].Attributes.Value("sink")
			assert.Equal(t, "shore", sink.AsString())
			assert.InDelta(t, want, points[0].Value, 0.05*want, when)
		}
		a := start()
		says(0, "empty from the start")
		for range 300 {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
		}
		says(unknown, "nothing is measured yet")
		time.Sleep(40 * time.Second)
		left := float64(a.logs.(*logsExporter).core.queued().Batches)
		says(left, "it drains")

		shore.Answer(sinktest.Refuse(0, errNoLink))
		time.Sleep(50 * time.Second)
		says(unknown, "an outage")
		shore.Answer(sinktest.Take(time.Second))
		time.Sleep(90 * time.Second)
		left = float64(a.logs.(*logsExporter).core.queued().Batches)
		says(left, "it drains again")
		a.stop()

		a = start()
		says(unknown, "after a restart")
		time.Sleep(60 * time.Second)
		says(float64(a.logs.(*logsExporter).core.queued().Batches), "it is measured anew")
		time.Sleep(5 * time.Minute)
		says(0, "it is empty")
		a.stop()
		require.NoError(t, tel.Shutdown(t.Context()))
	})
}
