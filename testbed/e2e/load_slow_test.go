package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// timeout is about a far end that is silent, not about a link that is slow.
func TestAnUploadThatMovesIsNotKilled(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		for name, batches := range map[string]int{"one upload": 1, "four that share the link": 4} {
			t.Run(sink+", "+name, func(t *testing.T) {
				t.Parallel()
				const perBatch, timeout = 4000, 4 * time.Second // about 1 MiB each
				records := batches * perBatch
				s := newScene(t, agent.Config{Sink: sink, Compression: "none", Timeout: timeout},
					shore.WithFault(shore.Slow(batches*80<<10)))
				begin := time.Now()
				s.awaitDone(s.send(load.Plan{Records: records, Batch: perBatch, Mix: []record.Signal{record.Logs}}))
				s.awaitDrained()
				took := time.Since(begin)

				t.Logf("%s for %d requests", took.Round(time.Millisecond), len(s.shore.Requests()))
				require.Greater(t, took, 3*timeout, "the link is not slow enough to show anything")
				assert.Len(t, s.shore.Requests(), batches, "more than one attempt")
				assert.Zero(t, s.metric("mship_sink_timeout_total"))
				assert.EqualValues(t, batches, s.metric("mship_sink_attempts_total"))
				assert.Empty(t, s.requireNothingLost(records).Duplicated)
			})
		}
	}
}

// The other side of the promise: what stops in the middle is given up.
func TestAnUploadThatStopsIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records = 4000
			s := newScene(t, agent.Config{Sink: sink, Compression: "none", Timeout: 4 * time.Second},
				shore.WithFault(shore.Slow(64<<10)))
			sent := s.send(load.Plan{Records: records, Batch: records, Mix: []record.Signal{record.Logs}})
			s.awaitDone(sent)
			s.await(prompt, "the upload is on its way", func() bool { return s.metric("mship_sink_attempts_total") == 1 })
			s.through(6*time.Second, "it moves", func() bool { return s.metric("mship_sink_timeout_total") == 0 })
			s.shore.SetFault(shore.Blackhole())
			s.await(prompt, "the silence is noticed", func() bool { return s.metric("mship_sink_timeout_total") >= 1 })
			s.shore.SetFault(shore.Accept())
			s.awaitDrained()
			s.requireNothingLost(records)
		})
	}
}
