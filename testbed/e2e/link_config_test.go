package e2e_test

import (
	"fmt"
	"strings"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// linkTemplate is an agent whose every exporter sends all that there is over one link.
const linkTemplate = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"}
      http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}", read_header_timeout: 2s}
extensions:
  mship_storage: {directory: {{printf "%q" .StorageDir}}}
  mship_link/vsat: {bytes_per_second: {{.Vars.rate}}, storage: mship_storage{{.Vars.link}}}
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
exporters:
{{- range .Vars.exporters}}
  {{.ID}}: {{"{"}}{{.Settings}}}
{{- end}}
service:
  extensions: [mship_storage, mship_link/vsat, health_check]
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}, without_scope_info: true, without_units: true, without_type_suffix: true}}}
  pipelines:
    logs: {receivers: [otlp], exporters: [{{range .Vars.exporters}}{{.ID}}, {{end}}]}
    metrics: {receivers: [otlp], exporters: [{{range .Vars.exporters}}{{.ID}}, {{end}}]}
    traces: {receivers: [otlp], exporters: [{{range .Vars.exporters}}{{.ID}}, {{end}}]}
`

// exporter is a part of linkTemplate.
type exporter struct{ ID, Settings string }

// overTheLink is the configuration of an agent whose senders reach their shores by these sinks.
// link is settings of mship_link, as YAML in one line.
func overTheLink(rate int, link string, senders []sender, sinks []string) agent.Config {
	var exporters []exporter
	for i, s := range senders {
		exporters = append(exporters, s.over(sinks[i]))
	}
	if link != "" {
		link = ", " + link
	}
	return agent.Config{Template: linkTemplate, Vars: map[string]any{"rate": rate, "link": link, "exporters": exporters}}
}

// sinkOver is an exporter that sends to an address, as YAML without its last brace.
func sinkOver(way, address, caFile string) string {
	const compression = "compression: none" // what is sent is to be known by its size
	switch way {
	case "grpc":
		return fmt.Sprintf("otlp_grpc: {endpoint: %q, tls: {insecure: true}, %s", address, compression)
	case "https":
		return fmt.Sprintf("otlp_http: {endpoint: %q, tls: {ca_file: %q}, %s", "https://"+address, caFile, compression)
	default:
		return fmt.Sprintf("otlp_http: {endpoint: %q, %s", "http://"+address, compression)
	}
}

// over gives a sender its sink.
func (s sender) over(sink string) exporter {
	common := []string{
		"sending_queue: {storage: mship_storage, queue_size: 1000000000}",
		"retry_on_failure: {initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0s}",
	}
	if s.more != "" {
		common = append(common, s.more)
	}
	settings := strings.Join(common, ", ")
	if !s.stock {
		return exporter{"mship/" + s.name, fmt.Sprintf("sink: {%s}}, link: mship_link/vsat, dead_letter: {directory: dlq}, %s", sink, settings)}
	}
	kind, rest, _ := strings.Cut(sink, ": {")
	return exporter{kind + "/" + s.name, fmt.Sprintf("%s, middlewares: [{id: mship_link/vsat}], %s", rest, settings)}
}
