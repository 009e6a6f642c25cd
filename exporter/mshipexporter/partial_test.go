package mshipexporter

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadatatest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// butOne is a far end that takes all of a batch but for one record.
func butOne(t *testing.T) sinktest.Script {
	t.Helper()
	r := plogotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedLogRecords(1)
	r.PartialSuccess().SetErrorMessage("no such ship")
	body, err := r.MarshalProto()
	require.NoError(t, err)
	return func(context.Context, sinktest.Attempt) error {
		return &sinktest.Status{Code: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-protobuf"}}, Body: string(body)}
	}
}

// What is not taken of a batch that is taken is counted and logged; a copy is kept where that is asked for.
func TestABatchThatIsTakenInPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep   bool
		most   int64
		copies int
	}{
		"counted":            {false, 1 << 20, 0},
		"and kept":           {true, 1 << 20, 1},
		"and cannot be kept": {true, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tel := componenttest.NewTelemetry()
			a := boardWith(t, func(set *exporter.Settings) {
				set.TelemetrySettings.MeterProvider = tel.NewTelemetrySettings().MeterProvider
			},
				storagetest.New(), sinktest.New(butOne(t)), httpSink, func(cfg *Config) {
					cfg.DeadLetter.PartialSuccess, cfg.DeadLetter.MaxBytes = c.keep, c.most
				}).start()
			core := a.logs.(*logsExporter).core
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("a", "b", "c")))
			require.Eventually(t, func() bool { return core.queued().Batches == 0 }, 10*time.Second, time.Millisecond)
			entries, _, _ := core.letters.List(deadletter.Filter{}, "", 10)
			a.stop()
			require.Len(t, entries, c.copies)
			for _, e := range entries {
				assert.Equal(t, deadletter.PartialSuccess, e.Reason)
				assert.Equal(t, 3, e.Records)
				assert.Contains(t, e.Message, "1 records were not taken: no such ship")
			}
			metadatatest.AssertEqualSinkRejectedRecordsTotal(t, tel, []metricdata.DataPoint[int64]{{
				Value: 1, Attributes: attribute.NewSet(attribute.String("sink", "shore"), attribute.String("signal", "logs")),
			}}, metricdatatest.IgnoreTimestamp())
			assert.Equal(t, 1, a.lines("the far end took a batch but for some records"))
			assert.Equal(t, c.keep && c.copies == 0, a.lines("no copy is kept") == 1)
			require.NoError(t, tel.Shutdown(context.Background()))
		})
	}
}
