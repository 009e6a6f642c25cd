package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

const halfOpen = 2 // the third state of mship_sink_circuit_state

// readings are the seven metrics. Their names are a promise: dashboards and
// alerts ashore are built on them.
type readings struct{ retries, errors, timeouts, state, opened, depth float64 }

// requireReadings reads the page until it says so; the queue's bytes follow its depth.
func requireReadings(s *scene, when string, want readings) {
	s.t.Helper()
	var got readings
	var bytes float64
	ok := func() bool {
		got, bytes = read(s)
		return got == want && (bytes > 0) == (want.depth > 0)
	}
	for deadline := time.Now().Add(prompt); !ok(); <-time.After(poll) {
		if time.Now().After(deadline) {
			require.Equal(s.t, want, got, "%s; mship_queue_bytes %v", when, bytes)
		}
	}
	s.t.Logf("%s: %+v, %.0f bytes", when, got, bytes)
}

// read reads the seven metrics. Each is one sample with the label sink and no other.
func read(s *scene) (r readings, bytes float64) {
	s.t.Helper()
	page, err := s.agent.Scrape()
	require.NoError(s.t, err)
	for name, into := range map[string]*float64{
		"mship_sink_retry_total":        &r.retries,
		"mship_sink_error_total":        &r.errors,
		"mship_sink_timeout_total":      &r.timeouts,
		"mship_sink_circuit_state":      &r.state,
		"mship_sink_circuit_open_total": &r.opened,
		"mship_queue_depth":             &r.depth,
		"mship_queue_bytes":             &bytes,
	} {
		samples := page.Samples(name)
		require.Len(s.t, samples, 1, name)
		require.Equal(s.t, map[string]string{"sink": "shore"}, samples[0].Labels, name)
		*into = samples[0].Value
	}
	return r, bytes
}

func TestTheSevenMetricsThroughAnOutage(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const batches, perBatch = 5, 20
			plan := load.Plan{Records: batches * perBatch, Batch: perBatch, Mix: []record.Signal{record.Logs}}
			s := newScene(t, agent.Config{
				Sink: sink, Timeout: 8 * time.Second,
				Retry:   agent.Retry{InitialInterval: 100 * time.Millisecond, MaxInterval: 100 * time.Millisecond},
				Queue:   agent.Queue{Consumers: 1}, // one request at a time: the counts are exact
				Breaker: agent.Breaker{FailureThreshold: 3, OpenDuration: 8 * time.Second, HalfOpenMaxInflight: 1},
				// A shore that hangs takes connects: the breaker would not rest.
				Overlay: `exporters: {"{{.ExporterID}}": {circuit_breaker: {wake_interval: 0s}}}`,
			})
			requireReadings(s, "at the start", readings{})
			s.awaitDone(s.send(plan))
			requireReadings(s, "closed", readings{})

			s.shore.SetFault(shore.Sequence(shore.Status(503), shore.Status(500), shore.Hang()))
			plan.First += batches * perBatch
			s.awaitDone(s.send(plan))
			requireReadings(s, "open", readings{retries: 2, errors: 3, timeouts: 1, state: open, opened: 1, depth: batches})
			requireReadings(s, "half-open, the probe hangs", readings{retries: 3, errors: 3, timeouts: 1, state: halfOpen, opened: 1, depth: batches})
			s.await(prompt, "the probe hangs ashore", func() bool {
				all := s.shore.Requests() // one that has arrived, but is not judged yet, the next fault would take
				return all[len(all)-1].Fate == shore.Hung && s.shore.InFlight() == 1
			})
			s.shore.SetFault(shore.Accept()) // resets the probe
			requireReadings(s, "open again", readings{retries: 3, errors: 4, timeouts: 1, state: open, opened: 2, depth: batches})
			requireReadings(s, "closed again", readings{retries: 4, errors: 4, timeouts: 1, state: closed, opened: 2})
			assert.Empty(t, s.requireNothingLost(2*batches*perBatch).Duplicated)
		})
	}
}

// The depth is what is on the disk, so it is right from the first moment after a restart.
func TestTheQueueMetricsSurviveARestart(t *testing.T) {
	t.Parallel()
	const records = 900
	s := newScene(t, agent.Config{Breaker: agent.Breaker{OpenDuration: time.Second}})
	s.shore.Down()
	s.awaitDone(s.send(load.Plan{Records: records}))
	s.awaitCircuit(open)
	before, bytes := read(s)
	require.EqualValues(t, records/100, before.depth)
	require.NoError(t, s.agent.Restart())
	s.await(prompt, "the same depth and bytes as before", func() bool {
		after, sameBytes := read(s)
		return after.depth == before.depth && sameBytes == bytes
	})
	require.NoError(t, s.shore.Up())
	s.awaitDrained()
	after, rest := read(s)
	assert.Zero(t, after.depth)
	assert.Zero(t, rest)
	s.requireNothingLost(records)
}

// With other settings of the reader the names would be others (units, _total
// twice, labels of the scope), so what these tests read is worth something only
// if it is the page that an engineer gets who sets nothing.
func TestThePageUnderTestIsTheDefaultPage(t *testing.T) {
	t.Parallel()
	const bare = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}
exporters: {"{{.ExporterID}}": {sink: {otlp_http: {endpoint: "{{.Endpoint}}"}}}}
service: {pipelines: {logs: {receivers: [otlp], exporters: ["{{.ExporterID}}"]}}}
`
	cfg := agent.Config{Endpoint: "http://127.0.0.1:1"}
	tested := readerOf(t, cfg)
	cfg.Template = bare
	byDefault := readerOf(t, cfg)
	require.Contains(t, byDefault, "port: 8888")
	require.Contains(t, byDefault, "host: localhost")
	same := strings.NewReplacer("port: 8888", "port: 0", "host: localhost", "host: 127.0.0.1").Replace(byDefault)
	assert.Equal(t, same, tested)
}

// readerOf is what the binary says of its own metrics, with all defaults filled in.
func readerOf(t *testing.T, cfg agent.Config) string {
	t.Helper()
	effective, err := agent.Effective(t.TempDir(), cfg)
	require.NoError(t, err)
	_, telemetry, found := strings.Cut(effective, "\n    telemetry:\n")
	require.True(t, found, effective)
	_, metrics, found := strings.Cut(telemetry, "\n        metrics:\n")
	require.True(t, found, effective)
	reader, _, found := strings.Cut(metrics, "\n        resource:")
	require.True(t, found, effective)
	return reader
}
