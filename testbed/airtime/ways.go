package airtime

import (
	"os"
	"path/filepath"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// Way is how the agent sends.
type Way string

const (
	// Satcom is config/satcom.yaml.
	Satcom Way = "satcom.yaml"
	// Stock is the stock exporter with its defaults: gzip, each request as it comes.
	Stock Way = "otlp_http"
	// StockBatching is the stock exporter with zstd and with the defaults of its
	// batching: 8192 records, or what came in 200 ms.
	StockBatching Way = "otlp_http, zstd, batch"
)

// Ways lists them, in the order of the table.
func Ways() []Way { return []Way{Satcom, Stock, StockBatching} }

// lift is far above what these tests send: the budget is not what is measured.
const lift = "FLUSH_BANDWIDTH_BYTES_PER_SEC=100000000"

// onlyOTLP leaves of config/satcom.yaml what sends; and moves its ports.
const onlyOTLP = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"}, http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}"}}}
extensions:
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
  mship_console: {endpoint: "127.0.0.1:0"}
service:
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}}}}}]}}
  pipelines: {logs: {receivers: [otlp]}, metrics: {receivers: [otlp]}}
`

// stock is the stock exporter in the place of ours.
const stock = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}"}}}}
exporters:
  otlp_http:
    endpoint: {{printf "%q" .Endpoint}}
{{- .Vars.settings}}
extensions:
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
  mship_storage: {directory: {{printf "%q" .StorageDir}}}
service:
  extensions: [health_check, mship_storage]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}}}}}]}}
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_http]}
    metrics: {receivers: [otlp], exporters: [otlp_http]}
    traces: {receivers: [otlp], exporters: [otlp_http]}
`

const batching = `
    compression: zstd
    sending_queue: {storage: mship_storage, block_on_overflow: true, batch: {}}
`

func (w Way) config(endpoint string) (agent.Config, error) {
	switch w {
	case Stock:
		return agent.Config{Template: stock, Endpoint: endpoint, Vars: map[string]any{"settings": ""}}, nil
	case StockBatching:
		return agent.Config{Template: stock, Endpoint: endpoint, Vars: map[string]any{"settings": batching}}, nil
	}
	root, err := agent.ModuleRoot()
	if err != nil {
		return agent.Config{}, err
	}
	text, err := os.ReadFile(filepath.Join(root, "config", "satcom.yaml"))
	return agent.Config{
		Template: string(text), Overlay: onlyOTLP,
		Env: []string{"SHORE_ENDPOINT=" + endpoint, "VESSEL_IMO=9321483", "QUEUE_DIR=queue", "DLQ_DIR=dlq", lift},
	}, err
}
