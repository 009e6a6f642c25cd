package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rendered writes the configuration and returns the exporter's section.
func rendered(t *testing.T, cfg Config, id string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	_, err := cfg.write(dir, Ports{1, 2, 3, 4, 5})
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	require.NoError(t, err)
	var whole struct {
		Exporters map[string]map[string]any `yaml:"exporters"`
	}
	require.NoError(t, yaml.Unmarshal(data, &whole))
	return whole.Exporters[id]
}

func TestConfigLeavesDefaultsToTheExporter(t *testing.T) {
	got := rendered(t, Config{Endpoint: "http://x"}, "mship/shore")

	assert.Equal(t, map[string]any{"otlp_http": map[string]any{"endpoint": "http://x"}}, got["sink"])
	assert.NotContains(t, got, "timeout")
	assert.Equal(t, map[string]any{"enabled": true}, got["retry_on_failure"])
	assert.Equal(t, map[string]any{"enabled": true, "storage": "mship_storage"}, got["sending_queue"])
	assert.Equal(t, map[string]any{"enabled": true}, got["circuit_breaker"])
	assert.Equal(t, map[string]any{"enabled": true}, got["idempotency"])
}

func TestConfigRendersEverySetting(t *testing.T) {
	got := rendered(t, Config{
		Sink: "otlp_grpc", Endpoint: "x:1", Compression: "zstd", Name: "n",
		Timeout: 2 * time.Second, DeliveryProof: "status",
		Retry: Retry{
			true, time.Second, 2 * time.Second, time.Hour, 3, 0.5, []int{400, 422}, []int{500},
		},
		Queue:       Queue{true, true, "bytes", 1 << 20, 4, true, "file_storage", Batch{time.Second, 10, 20}},
		Breaker:     Breaker{true, 2, time.Minute, 5 * time.Second, 1},
		DeadLetter:  DeadLetter{true, "/d", 9, 1 << 20, "drop_oldest"},
		Idempotency: Idempotency{true, time.Hour, "X-Key"},
	}, "mship/n")

	assert.Equal(t, map[string]any{
		"sink": map[string]any{"otlp_grpc": map[string]any{
			"endpoint": "x:1", "compression": "zstd", "tls": map[string]any{"insecure": true},
		}},
		"timeout": "2s", "delivery_proof": "status",
		"retry_on_failure": map[string]any{
			"enabled": false, "initial_interval": "1s", "max_interval": "2s", "max_elapsed_time": "1h0m0s",
			"max_retries": 3, "randomization_factor": 0.5,
			"retryable_status_codes": []any{400, 422}, "permanent_status_codes": []any{500},
		},
		"sending_queue": map[string]any{
			"enabled": false, "sizer": "bytes", "queue_size": 1 << 20, "num_consumers": 4, "block_on_overflow": true,
			"batch": map[string]any{"flush_timeout": "1s", "sizer": "items", "min_size": 10, "max_size": 20},
		},
		"circuit_breaker": map[string]any{
			"enabled": false, "failure_threshold": 2, "open_duration": "1m0s", "wake_interval": "5s", "half_open_max_inflight": 1,
		},
		"dead_letter": map[string]any{"enabled": false, "directory": "/d", "max_per_hour": 9, "max_bytes": 1 << 20, "on_full": "drop_oldest"},
		"idempotency": map[string]any{"enabled": false, "window": "1h0m0s", "header": "X-Key"},
	}, got)
}

func TestConfigTemplateAndOverlay(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{
		Template: "a: {{.Ports.HTTP}}", Overlay: "b: {{.Vars.x}} {{.ExporterID}}", Vars: map[string]any{"x": "y"},
	}
	args, err := cfg.write(dir, Ports{HTTP: 7})
	require.NoError(t, err)

	assert.Equal(t, []string{
		"--config", filepath.Join(dir, "config.yaml"), "--config", filepath.Join(dir, "overlay.yaml"),
	}, args)
	overlay, err := os.ReadFile(filepath.Join(dir, "overlay.yaml"))
	require.NoError(t, err)
	assert.Equal(t, "b: y mship/shore", string(overlay))

	cfg.Vars = nil
	_, err = cfg.write(dir, Ports{})
	assert.ErrorContains(t, err, "configuration template")
}
