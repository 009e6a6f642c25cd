package agent

import (
	"fmt"
	"os"
	"path/filepath"
)

// shoreOverlay moves the ports of config/shore.yaml that no variable moves, and
// takes mship_dedup out of the way unless Dedup is set.
const shoreOverlay = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"{{if not .Dedup}}, middlewares: []{{end}}}
      http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}"{{if not .Dedup}}, middlewares: []{{end}}}
extensions:
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}}}}}]}}}
`

// Shore is config/shore.yaml as it stands, but for the ports: a shore in front
// of a back end, whose base URL this is. Without Dedup nobody asks its mship_dedup.
func Shore(backend string) (Config, error) {
	root, err := ModuleRoot()
	if err != nil {
		return Config{}, err
	}
	text, err := os.ReadFile(filepath.Join(root, "config", "shore.yaml"))
	if err != nil {
		return Config{}, fmt.Errorf("read the shore's configuration: %w", err)
	}
	return Config{
		Template: string(text), Overlay: shoreOverlay, Dedup: true,
		Env: []string{"BACKEND_ENDPOINT=" + backend, "QUEUE_DIR=queue", "DLQ_DIR=dlq"},
	}, nil
}
