package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// wrongIn is a configuration but for the exporters, which the case brings.
const wrongIn = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"}}}}
exporters: {{.Vars.exporters}}
extensions:
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
  file_storage: {directory: "{{.StorageDir}}", create_directory: true}
service:
  extensions: [health_check, file_storage]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}}}}}]}}
  pipelines:
    logs: {receivers: [otlp], exporters: {{.Vars.used}}}
`

// ashore is a correct sink for cases that are wrong elsewhere.
const ashore = `sink: {otlp_http: {endpoint: "http://127.0.0.1:1"}}`

func TestABadConfigurationIsNamedInOneLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		exporter string // settings of mship/shore
		line     []string
	}{
		{"no sink", `timeout: 5s`, []string{"sink: name one exporter here", "otlp_http: {endpoint: http://shore:4318}"}},
		{"empty sink", `sink: {}`, []string{"sink: name one exporter here", "otlp_http: {endpoint: http://shore:4318}"}},
		{"two sinks", `sink: {otlp_http: {endpoint: "http://127.0.0.1:1"}, otlp_grpc: {endpoint: "127.0.0.1:1"}}`,
			[]string{"exactly one exporter is wanted here, found 2", "give each its own mship/NAME"}},
		{"unknown sink", `sink: {otlp_htp: {endpoint: "http://127.0.0.1:1"}}`,
			[]string{`no exporter "otlp_htp"`, "otelcol-mship components"}},
		{"a sink of a sink", `sink: {mship: {sink: {debug: {}}}}`, []string{"mship cannot wrap itself", "otlp_http"}},
		{"misspelt setting of the sink", `sink: {otlp_http: {endpoint: "http://127.0.0.1:1", kompression: gzip}}`,
			[]string{`unknown setting "kompression"`, "compression"}},
		{"misspelt setting deep in the sink", `sink: {otlp_http: {endpoint: "http://127.0.0.1:1", tls: {insecur: true}}}`,
			[]string{`unknown setting "tls::insecur"`, "insecure,"}},
		{"sink without endpoint", `sink: {otlp_http: {}}`, []string{"sink::otlp_http", "endpoint"}},
		{"sink with a bad value", `sink: {otlp_http: {endpoint: "http://127.0.0.1:1", compression: zip}}`, []string{"sink::otlp_http", `'compression' unsupported compression type "zip"`}},
		{"sink that is no map", `sink: {otlp_http: "http://127.0.0.1:1"}`, []string{"the settings of otlp_http must be a map"}},
		{"unknown setting", ashore + `, retries: 5`, []string{"retries"}},
		{"no timeout", ashore + `, timeout: 0s`, []string{"timeout must be more than 0, such as 5s; found 0s"}},
		{"unknown proof", ashore + `, delivery_proof: any`, []string{`delivery_proof must be one of ["otlp" "status"], found "any"`}},
		{"retry off", ashore + `, retry_on_failure: {enabled: false}`, []string{"retry_on_failure: enabled: false would drop", "remove it"}},
		{"max_interval too short", ashore + `, retry_on_failure: {initial_interval: 10s, max_interval: 1s}`,
			[]string{"max_interval (1s) must not be below initial_interval (10s)"}},
		{"no initial_interval", ashore + `, retry_on_failure: {initial_interval: 0s}`, []string{"initial_interval must be more than 0, such as 5s; found 0s"}},
		{"shrinking backoff", ashore + `, retry_on_failure: {multiplier: 0.5}`, []string{"multiplier must be 1 or more, found 0.5"}},
		{"jitter above the delay", ashore + `, retry_on_failure: {randomization_factor: 1.5}`, []string{"randomization_factor"}},
		{"negative max_retries", ashore + `, retry_on_failure: {max_retries: -1}`, []string{"max_retries must not be negative, found -1; 0 is no limit"}},
		{"retryable success", ashore + `, retry_on_failure: {retryable_status_codes: [200]}`, []string{"retryable_status_codes: 200 is no HTTP status of a refusal (400 to 599)"}},
		{"permanent nonsense", ashore + `, retry_on_failure: {permanent_status_codes: [4000]}`, []string{"permanent_status_codes: 4000 is no HTTP status of a refusal (400 to 599)"}},
		{"status in both lists", ashore + `, retry_on_failure: {retryable_status_codes: [400], permanent_status_codes: [400]}`, []string{"400 stands in retryable_status_codes and in permanent_status_codes: remove it from one"}},
		{"breaker that never opens", ashore + `, circuit_breaker: {failure_threshold: 0}`, []string{"failure_threshold must be 1 or more; to have no breaker set enabled: false"}},
		{"breaker that never rests", ashore + `, circuit_breaker: {open_duration: 0s}`, []string{"open_duration must be more than 0, such as 5s; found 0s"}},
		{"breaker that never closes", ashore + `, circuit_breaker: {half_open_max_inflight: 0}`, []string{"half_open_max_inflight must be 1 or more"}},
		{"dead letters nowhere", ashore + `, dead_letter: {directory: ""}`, []string{"directory must not be empty; to park nothing set enabled: false"}},
		{"no dead letter at all", ashore + `, dead_letter: {max_per_hour: 0}`, []string{"max_per_hour must be 1 or more, found 0"}},
		{"batches apart", ashore + `, sending_queue: {batch: {flush_timeout: 2s, partition: {metadata_keys: [tenant]}}}`, []string{"sending_queue::batch::partition is not served: remove it"}},
		{"clients that wait", ashore + `, sending_queue: {wait_for_result: true}`, []string{"wait_for_result would keep every client waiting", "remove it"}},
		{"storage that is not there", ashore + `, sending_queue: {storage: file_storage/other}`,
			[]string{`there is no extension "file_storage/other"`, "list it under service::extensions"}},
		{"storage that stores nothing", ashore + `, sending_queue: {storage: health_check}`,
			[]string{`extension "health_check" cannot store anything`, "mship_storage"}},
		{"unit that is none", ashore + `, sending_queue: {sizer: kilobytes}`, []string{"sizer", "kilobytes"}},
		{"no room in the queue", ashore + `, sending_queue: {queue_size: 0}`, []string{"queue_size"}},
		{"no consumers", ashore + `, sending_queue: {num_consumers: 0}`, []string{"num_consumers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, `{mship/shore: {`+c.exporter+`}}`, `[mship/shore]`, c.line)
		})
	}
}

func TestTwoExportersThatWouldCountAsOneAreRefused(t *testing.T) {
	t.Parallel()
	requireRefused(t, `{mship: {`+ashore+`}, mship/otlp_http: {`+ashore+`}}`, `[mship, mship/otlp_http]`,
		[]string{`would both count as sink "otlp_http"`, "give one of them another name, such as mship/NAME"})
}

// requireRefused: the agent does not start, and one line of what it writes for
// people has all of these words.
func requireRefused(t *testing.T, exporters, used string, words []string) {
	t.Helper()
	a, err := agent.New(t.TempDir(), agent.Config{Template: wrongIn, Vars: map[string]any{"exporters": exporters, "used": used}})
	if err == nil {
		a.Kill()
	}
	var refused *agent.StartError
	require.ErrorAs(t, err, &refused, "it started all the same")
	assert.Positive(t, refused.Exit.Code, "it did not end by itself: %s", refused.Exit)
	for line := range strings.Lines(refused.Log) {
		if !strings.Contains(line, "\terror\t") && hasAll(line, words) {
			t.Log(strings.TrimSpace(line))
			return
		}
	}
	assert.Fail(t, "no line says what to write instead", "wanted %q in one line of\n%s", words, refused.Log)
}

func hasAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}
