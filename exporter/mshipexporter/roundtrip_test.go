package mshipexporter

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payloadtest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// What goes in comes out: every field of every signal, in order, through the
// real queue and a restart in an outage.
func TestWhatGoesInComesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches := uint64(60)
		if os.Getenv("MSHIP_LONG") != "" { // make soak
			batches = 3000
		}
		one := func(c *Config) { c.Queue.Get().NumConsumers = 1 } // so that order can be told
		disk, shore := storagetest.New(), sinktest.New(sinktest.Refuse(0, errNoLink))
		a := board(t, disk, shore, plainSink, one).start()
		want := map[string][]string{}
		for seed := range batches {
			m := payloadtest.New(seed)
			ld, md, td := m.Logs(), m.Metrics(), m.Traces()
			want["logs"] = append(want["logs"], encoded(t, ld))
			want["metrics"] = append(want["metrics"], encoded(t, md))
			want["traces"] = append(want["traces"], encoded(t, td))
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), ld))
			require.NoError(t, a.metrics.ConsumeMetrics(t.Context(), md))
			require.NoError(t, a.traces.ConsumeTraces(t.Context(), td))
		}
		time.Sleep(time.Hour)
		a.stop()

		shore.Answer(sinktest.Take(0))
		a = board(t, disk, shore, plainSink, one).start()
		time.Sleep(time.Minute)
		a.stop()
		got := map[string][]string{}
		for _, at := range shore.Attempts() {
			if at.Err == nil {
				got[at.Signal.String()] = append(got[at.Signal.String()], encoded(t, at.Data))
			}
		}
		assert.Equal(t, want, got)
	})
}

func encoded(t *testing.T, data any) string {
	t.Helper()
	var raw []byte
	var err error
	switch d := data.(type) {
	case plog.Logs:
		raw, err = new(plog.ProtoMarshaler).MarshalLogs(d)
	case pmetric.Metrics:
		raw, err = new(pmetric.ProtoMarshaler).MarshalMetrics(d)
	case ptrace.Traces:
		raw, err = new(ptrace.ProtoMarshaler).MarshalTraces(d)
	default:
		err = fmt.Errorf("no telemetry: %T", data)
	}
	require.NoError(t, err)
	return string(raw)
}
