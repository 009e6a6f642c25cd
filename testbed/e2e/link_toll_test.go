package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// unseen is an agent whose sink takes no client middleware: a file.
const unseen = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"}, http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}"}}}
extensions:
  mship_storage: {directory: {{printf "%q" .StorageDir}}}
  mship_link/vsat: {bytes_per_second: 50000, burst: 10000}
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
exporters:
  {{.ExporterID}}:
    sink: {file: {path: {{printf "%q" (print .Dir "/out.jsonl")}}}}
    link: mship_link/vsat
    dead_letter: {directory: {{printf "%q" .DeadLetterDir}}}
    sending_queue: {storage: mship_storage}
service:
  extensions: [mship_storage, mship_link/vsat, health_check]
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}, without_scope_info: true, without_units: true, without_type_suffix: true}}}
  pipelines:
    logs: {receivers: [otlp], exporters: ["{{.ExporterID}}"]}
    traces: {receivers: [otlp], exporters: ["{{.ExporterID}}"]}
`

// A sink that the link does not see is as fast as the link, and is counted.
func TestASinkThatTheLinkDoesNotSeeIsPaced(t *testing.T) {
	t.Parallel()
	const bytesPerSecond = 50_000
	s := newScene(t, agent.Config{Template: unseen})
	began := time.Now()
	s.awaitDone(s.send(load.Plan{Records: 1000, Batch: 50, Mix: []record.Signal{record.Logs}})) // some 270 kB
	queued := s.metric("mship_queue_bytes")
	s.awaitDrained()
	took := time.Since(began).Seconds()
	up := s.metric("mship_link_bytes_total", "sink", "shore", "direction", "up")
	t.Logf("%.0f bytes in %.1f s; %.0f were queued at once", up, took, queued)
	assert.Greater(t, up, 100_000.0)
	assert.LessOrEqual(t, up/took, bytesPerSecond*1.1)
	assert.GreaterOrEqual(t, up/took, bytesPerSecond*0.5)
	assert.Positive(t, s.metric("mship_link_wait_seconds_total", "sink", "shore"))
	assert.Len(t, s.agent.LogLines("the link does not see"), 1)
}
