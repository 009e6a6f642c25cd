package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hosttest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// wrongSettings are found by Validate; each says in one line what to write instead.
var wrongSettings = []struct{ name, yaml, message string }{
	{"no sink", `{}`, "sink: name one exporter here, such as `otlp_http: {endpoint: http://shore:4318}`"},
	{"empty sink", `{sink: {}}`, "sink: name one exporter here, such as `otlp_http: {endpoint: http://shore:4318}`"},
	{"two sinks", `{sink: {otlp_http: {}, debug: {}}}`, "sink: exactly one exporter is wanted here, found 2 (debug, otlp_http); give each its own mship/NAME"},
	{"sink without a map", `{sink: {otlp_http: 5}}`, "sink: the settings of otlp_http must be a map, such as `{endpoint: http://shore:4318}`"},
	{"mship in mship", `{sink: {mship/x: {sink: {debug: {}}}}}`, "sink: mship cannot wrap itself; name the exporter that sends, such as otlp_http"},
	{"timeout 0", `{sink: {debug: }, timeout: 0s}`, "timeout must be more than 0, such as 5s; found 0s"},
	{"timeout below 0", `{sink: {debug: }, timeout: -1s}`, "timeout must be more than 0, such as 5s; found -1s"},
	{"proof", `{sink: {debug: }, delivery_proof: hope}`, `delivery_proof must be one of ["otlp" "status"], found "hope"`},
	{"regroup", `{sink: {debug: }, regroup: on}`, `regroup must be one of ["auto" "off"], found "on"`},
	{"no retries", `{sink: {debug: }, retry_on_failure: {enabled: false}}`, "retry_on_failure: enabled: false would drop what the far end does not take at once: remove it; to wait less, set max_interval"},
	{"initial interval", `{sink: {debug: }, retry_on_failure: {initial_interval: 0s}}`, "retry_on_failure: initial_interval must be more than 0, such as 5s; found 0s"},
	{"max interval", `{sink: {debug: }, retry_on_failure: {initial_interval: 2s, max_interval: 1s}}`, "retry_on_failure: max_interval (1s) must not be below initial_interval (2s)"},
	{"multiplier", `{sink: {debug: }, retry_on_failure: {multiplier: 0.5}}`, "retry_on_failure: multiplier must be 1 or more, found 0.5"},
	{"jitter", `{sink: {debug: }, retry_on_failure: {randomization_factor: 1.5}}`, "retry_on_failure::backoff: randomization_factor value must be less than or equal to 1"},
	{"max elapsed time", `{sink: {debug: }, retry_on_failure: {max_elapsed_time: -1s}}`, "retry_on_failure::backoff: max_elapsed_time value must be greater than or equal to 0"},
	{"max retries", `{sink: {debug: }, retry_on_failure: {max_retries: -1}}`, "retry_on_failure: max_retries must not be negative, found -1; 0 is no limit"},
	{"retryable status", `{sink: {debug: }, retry_on_failure: {retryable_status_codes: [200]}}`, "retry_on_failure: retryable_status_codes: 200 is no HTTP status of a refusal (400 to 599)"},
	{"permanent status", `{sink: {debug: }, retry_on_failure: {permanent_status_codes: [600]}}`, "retry_on_failure: permanent_status_codes: 600 is no HTTP status of a refusal (400 to 599)"},
	{"status in both lists", `{sink: {debug: }, retry_on_failure: {retryable_status_codes: [422], permanent_status_codes: [422]}}`, "retry_on_failure: 422 stands in retryable_status_codes and in permanent_status_codes: remove it from one"},
	{"partition", `{sink: {debug: }, sending_queue: {batch: {flush_timeout: 2s, min_size: 1000, partition: {metadata_keys: [tenant]}}}}`, "sending_queue::batch::partition is not served: remove it; to keep data apart give each kind an exporter of its own"},
	{"window", `{sink: {debug: }, idempotency: {window: 1s}}`, "idempotency: window must be 1m or more, found 1s; to remember nothing set enabled: false"},
	{"header", `{sink: {debug: }, idempotency: {header: "no header"}}`, `idempotency: header "no header" is no name of an HTTP header, such as Idempotency-Key`},
	{"fresh share", `{sink: {debug: }, fresh_share: 1, sending_queue: {storage: file_storage}}`, "fresh_share must be 0 (off) to 0.95, found 1: what is old must have its turn too"},
	{"fresh share below 0", `{sink: {debug: }, fresh_share: -0.5, sending_queue: {storage: file_storage}}`, "fresh_share must be 0 (off) to 0.95, found -0.5: what is old must have its turn too"},
	{"fresh for", `{sink: {debug: }, fresh_for: 0s}`, "fresh_for must be more than 0, such as 5s; found 0s"},
	{"fresh without a storage", `{sink: {debug: }, fresh_share: 0.5}`, "fresh_share needs a queue on a storage: set sending_queue::storage, or remove fresh_share"},
	{"fresh without a queue", `{sink: {debug: }, fresh_share: 0.5, sending_queue: {enabled: false}}`, "fresh_share needs a queue on a storage: set sending_queue::storage, or remove fresh_share"},
	{"wait for result", `{sink: {debug: }, sending_queue: {wait_for_result: true}}`, "sending_queue::wait_for_result would keep every client waiting through an outage: remove it"},
	{"queue size", `{sink: {debug: }, sending_queue: {queue_size: 0}}`, "sending_queue: `queue_size` must be positive"},
	{"consumers", `{sink: {debug: }, sending_queue: {num_consumers: 0}}`, "sending_queue: `num_consumers` must be positive"},
	{"threshold", `{sink: {debug: }, circuit_breaker: {failure_threshold: 0}}`, "circuit_breaker: failure_threshold must be 1 or more; to have no breaker set enabled: false"},
	{"open duration", `{sink: {debug: }, circuit_breaker: {open_duration: 0s}}`, "circuit_breaker: open_duration must be more than 0, such as 5s; found 0s"},
	{"wake", `{sink: {debug: }, circuit_breaker: {wake_interval: 999ms}}`, "circuit_breaker: wake_interval must be 1s or more, found 999ms; to rest for the whole open_duration set 0"},
	{"wake before", `{sink: {debug: }, circuit_breaker: {wake_interval: -1s}}`, "circuit_breaker: wake_interval must be 1s or more, found -1s; to rest for the whole open_duration set 0"},
	{"half-open", `{sink: {debug: }, circuit_breaker: {half_open_max_inflight: 0}}`, "circuit_breaker: half_open_max_inflight must be 1 or more"},
	{"directory", `{sink: {debug: }, dead_letter: {directory: ""}}`, "dead_letter: directory must not be empty; to park nothing set enabled: false"},
	{"max per hour", `{sink: {debug: }, dead_letter: {max_per_hour: 0}}`, "dead_letter: max_per_hour must be 1 or more, found 0; to park nothing set enabled: false"},
}

func TestWrongSettings(t *testing.T) {
	for _, c := range wrongSettings {
		t.Run(c.name, func(t *testing.T) {
			assert.EqualError(t, confmap.Validate(load(t, c.yaml)), c.message)
		})
	}
}

// What cannot even be decoded is named by the collector, with its key.
func TestSettingsThatDoNotDecode(t *testing.T) {
	for key, yaml := range map[string]string{
		"typo":              `{sink: {debug: }, typo: 1}`,
		"queue_sizes":       `{sink: {debug: }, sending_queue: {queue_sizes: 5}}`,
		"failure_threshold": `{sink: {debug: }, circuit_breaker: {failure_threshold: -1}}`,
		"timeout":           `{sink: {debug: }, timeout: soon}`,
		"sizer":             `{sink: {debug: }, sending_queue: {sizer: miles}}`,
	} {
		assert.ErrorContains(t, parse(t, yaml).Unmarshal(createDefaultConfig()), key)
	}
}

func TestRightSettings(t *testing.T) {
	for _, yaml := range []string{
		`{sink: {debug: }}`,
		`{sink: {debug: }, fresh_share: 0.95, fresh_for: 1s, sending_queue: {storage: file_storage}}`,
		`{sink: {otlp_http/other: {endpoint: http://x}}, sending_queue: {enabled: false}}`,
		`{sink: {debug: }, circuit_breaker: {enabled: false, failure_threshold: 0}, dead_letter: {enabled: false, directory: ""}}`,
		`{sink: {debug: }, retry_on_failure: {max_retries: 0, max_elapsed_time: 1h, retryable_status_codes: [400], permanent_status_codes: [404, 500]}}`,
	} {
		assert.NoError(t, confmap.Validate(load(t, yaml)), yaml)
	}
}

// wrongSinks are found when the exporter starts: only then the sink's factory is known.
var wrongSinks = []struct{ name, yaml, message string }{
	{"unknown type", `{sink: {kafka: {}}}`, "sink: this distribution has no exporter \"kafka\"; `otelcol-mship components` lists those it has"},
	{"missing endpoint", `{sink: {otlp_http: {}}}`, "sink::otlp_http: at least one endpoint must be specified"},
	{"misspelt key", `{sink: {otlp_http: {endpoint: http://x, endpont: http://y}}}`, `sink::otlp_http: unknown setting "endpont"; there are: auth, compression,`},
	{"misspelt key further down", `{sink: {otlp_http: {endpoint: http://x, tls: {insecure_skip_verfy: true}}}}`, `sink::otlp_http: unknown setting "tls::insecure_skip_verfy"; there are: ca_file,`},
	{"misspelt key of gRPC", `{sink: {otlp_grpc: {endpoint: x, endpont: y}}}`, "endpont"},
	{"value of another kind", `{sink: {otlp_http: {endpoint: http://x, encoding: xml}}}`, "sink::otlp_http: "},
	{"unknown middleware", `{sink: {otlp_http: {endpoint: http://x, middlewares: [{id: nobody}]}}}`, "sink::otlp_http: failed to resolve middleware \"nobody\""},
	{"unknown storage", `{sink: {debug: }, sending_queue: {storage: nowhere}}`, `sending_queue::storage: there is no extension "nowhere"; define it under extensions and list it under service::extensions`},
}

func TestWrongSinksAreFoundAtStart(t *testing.T) {
	for _, c := range wrongSinks {
		t.Run(c.name, func(t *testing.T) {
			err := startLogs(t, NewFactory(), load(t, c.yaml), "mship/shore", nil)
			require.ErrorContains(t, err, c.message)
			assert.NotContains(t, err.Error(), "\n", "one line")
		})
	}
}

func TestSinkWithoutTheSignal(t *testing.T) {
	err := startLogs(t, NewFactory(), load(t, `{sink: {metricsonly: {}}}`), "mship/shore", nil, metricsOnly())
	assert.EqualError(t, err, "sink::metricsonly does not take logs: remove this exporter from the logs pipelines, or choose a sink that does")
}

func TestTwoExportersUnderOneLabel(t *testing.T) {
	f := NewFactory()
	require.NoError(t, startLogs(t, f, load(t, `{sink: {debug: }}`), "mship", nil))
	err := startLogs(t, f, load(t, `{sink: {debug: }}`), "mship/debug", nil)
	assert.EqualError(t, err, `mship and mship/debug would both count as sink "debug": give one of them another name, such as mship/NAME`)
}

func TestWarningsAtStart(t *testing.T) {
	for message, yaml := range map[string]string{
		"the sending queue is in memory":                 `{sink: {debug: }}`,
		"dead_letter is off":                             `{sink: {debug: }, dead_letter: {enabled: false}}`,
		"the file sink says that it took a batch":        `{sink: {file: {path: PATH}}}`,
		"a setting of the sink has no effect here":       `{sink: {otlp_http: {endpoint: http://x, sending_queue: {enabled: true}}}}`,
		"a setting of the sink has no effect here: set ": `{sink: {otlp_http: {endpoint: http://x, timeout: 3s}}}`,
	} {
		core, log := observer.New(zap.WarnLevel)
		yaml = strings.ReplaceAll(yaml, "PATH", t.TempDir()+"/out.jsonl")
		require.NoError(t, startLogs(t, NewFactory(), load(t, yaml), "mship/shore", zap.New(core)))
		assert.NotZero(t, log.FilterMessageSnippet(message).Len(), message)
	}
}

// A secret among the sink's settings shows nowhere, whatever is wrong beside it or with itself.
func TestSecretsStaySecret(t *testing.T) {
	const secret = "hunter2"
	for name, settings := range map[string]string{
		"all is well":            `endpoint: http://x, headers: {api-key: hunter2}`,
		"misspelt beside it":     `endpont: http://x, headers: {api-key: hunter2}`,
		"missing beside it":      `headers: {api-key: hunter2}`,
		"wrong kind beside it":   `endpoint: [1], headers: {api-key: hunter2}`,
		"in a map":               `endpoint: http://x, headers: {api-key: {value: hunter2}}`,
		"in a list":              `endpoint: http://x, headers: {api-key: [hunter2]}`,
		"where a map is wanted":  `endpoint: http://x, headers: hunter2`,
		"where a list is wanted": `endpoint: http://x, tls: {cipher_suites: {a: hunter2}}`,
		"a key in PEM":           `endpoint: http://x, tls: {cert_pem: x, key_pem: hunter2}`,
		"in a URL":               `endpoint: "http://user:hunter2@x"`,
		"in a URL that is none":  `endpoint: "http://user:hunter2@[x"`,
		"in a URL with a bad %":  `endpoint: "http://user:hunter2%zz@x"`,
		"in a proxy":             `endpoint: http://x, proxy_url: "http://user:hunter2@[x"`,
		"in a proxy without @":   `endpoint: http://x, proxy_url: "http://user:hunter2"`,
		"where a number belongs": `endpoint: http://x, max_conns_per_host: hunter2`,
		"where a time belongs":   `endpoint: http://x, idle_conn_timeout: hunter2`,
		"in place of the map":    `hunter2`,
	} {
		t.Run(name, func(t *testing.T) {
			if settings != secret {
				settings = "{" + settings + "}"
			}
			cfg := load(t, `{sink: {otlp_http: `+settings+`}}`)
			printed := confmap.New()
			require.NoError(t, printed.Marshal(cfg))
			core, log := observer.New(zap.DebugLevel)
			err := confmap.Validate(cfg)
			if err == nil {
				err = startLogs(t, NewFactory(), cfg, "mship/shore", zap.New(core))
			}
			if err != nil {
				assert.NotContains(t, err.Error(), secret)
			}
			assert.NotContains(t, fmt.Sprint(printed.ToStringMap()), secret)
			for _, entry := range log.All() {
				assert.NotContains(t, entry.Message, secret)
				assert.NotContains(t, fmt.Sprint(entry.ContextMap()), secret)
			}
		})
	}
}

// startLogs starts an exporter with these settings for logs, and stops it when the test ends.
func startLogs(t *testing.T, f exporter.Factory, cfg *Config, id string, log *zap.Logger, more ...exporter.Factory) error {
	t.Helper()
	host := hosttest.New(map[component.ID]component.Component{storagetest.ID: storagetest.New()}, more...)
	set := exportertest.NewNopSettings(metadata.Type)
	require.NoError(t, set.ID.UnmarshalText([]byte(id)))
	if log != nil {
		set.Logger = log
	}
	e, err := f.CreateLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.Start(t.Context(), host)
}

// metricsOnly is a sink that takes no logs.
func metricsOnly() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("metricsonly"), func() component.Config { return &struct{}{} },
		exporter.WithMetrics(func(context.Context, exporter.Settings, component.Config) (exporter.Metrics, error) {
			return nil, errors.New("not asked for here")
		}, component.StabilityLevelStable))
}
