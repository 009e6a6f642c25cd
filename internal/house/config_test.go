package house

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestConfigurationsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, path := range configurations(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			output(t, t.TempDir(), agent(t), "validate", "--config", path)
		})
	}
}

// The batch processor acknowledges before anything is on disk: it is in the distribution for others.
func TestNoConfigurationBatchesInMemory(t *testing.T) {
	t.Parallel()
	for _, path := range configurations(t) {
		var conf struct{ Processors map[string]yaml.Node }
		require.NoError(t, yaml.Unmarshal([]byte(read(t, path)), &conf))
		for id := range conf.Processors {
			assert.NotRegexp(t, `^batch(/|$)`, id, path)
		}
	}
}

// settings are the variables of the system that this one replaces: defaults of ship.yaml and satcom.yaml.
var settings = map[string][2]string{
	"SINK_DEFAULT_MAX_RETRIES":            {"5", "7"},
	"SINK_DEFAULT_INITIAL_BACKOFF_MS":     {"500", "1000"},
	"SINK_DEFAULT_MAX_BACKOFF_MS":         {"30000", "60000"},
	"SINK_DEFAULT_JITTER_FACTOR":          {"0.2", "0.3"},
	"SINK_DEFAULT_TIMEOUT_MS":             {"5000", "5000"},
	"SINK_DEFAULT_FAILURE_THRESHOLD":      {"5", "5"},
	"SINK_DEFAULT_OPEN_DURATION_SEC":      {"60", "120"},
	"SINK_DEFAULT_HALF_OPEN_MAX_INFLIGHT": {"3", "2"},
	"QUEUE_ENABLED":                       {"true", "true"},
	"QUEUE_DIR":                           {"./data/queue", "./data/queue"},
	"QUEUE_MAX_BYTES":                     {"1073741824", "5368709120"},
	"QUEUE_FLUSH_INTERVAL_MS":             {"2000", "2000"},
	"IDEMPOTENCY_WINDOW_SEC":              {"86400", "86400"},
	"FLUSH_BANDWIDTH_BYTES_PER_SEC":       {"1048576", "524288"},
	"DLQ_DIR":                             {"./data/dlq", "./data/dlq"},
	"SHORE_ENDPOINT":                      {"http://127.0.0.1:14318", "http://127.0.0.1:14318"},
	"VESSEL_IMO":                          {"unknown", "unknown"},
}

var (
	variable = regexp.MustCompile(`\$\{env:([A-Z_]+):-([^}]*)\}`)
	comment  = regexp.MustCompile(`(?m)(^| +)#.*$`)
)

func TestShipsReadTheirVariables(t *testing.T) {
	t.Parallel()
	var shapes [2]string
	for i, name := range []string{"ship.yaml", "satcom.yaml"} {
		text := comment.ReplaceAllString(read(t, filepath.Join(root(t), "config", name)), "")
		defaults, want := map[string]string{}, map[string]string{}
		for _, match := range variable.FindAllStringSubmatch(text, -1) {
			defaults[match[1]] = match[2]
		}
		for key, value := range settings {
			want[key] = value[i]
		}
		assert.Equal(t, want, defaults, name)
		shapes[i] = variable.ReplaceAllString(text, "$1")
	}
	assert.Equal(t, shapes[0], shapes[1], "satcom.yaml is ship.yaml but for its defaults")
}

// Connections stay warm: as many are kept as parcels are in flight. And 640 kB in
// flight fill half a megabyte a second over 600 ms: some 160 kB of each parcel are left on the wire.
func TestShipsFillALongLink(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ship.yaml", "satcom.yaml"} {
		var conf struct {
			Exporters map[string]struct {
				Sink map[string]struct {
					Keepalive struct {
						MaxIdleConnsPerHost int `yaml:"max_idle_conns_per_host"`
					}
				}
				Queue struct {
					NumConsumers int `yaml:"num_consumers"`
					Batch        struct {
						MinSize int `yaml:"min_size"`
					}
				} `yaml:"sending_queue"`
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(read(t, filepath.Join(root(t), "config", name))), &conf))
		exporter := conf.Exporters["mship/shore"]
		assert.Equal(t, exporter.Queue.NumConsumers, exporter.Sink["otlp_http"].Keepalive.MaxIdleConnsPerHost, name)
		const pressedTo = 160.0 / 2048 // metrics, of which the least is left
		assert.GreaterOrEqual(t, float64(exporter.Queue.NumConsumers*exporter.Queue.Batch.MinSize)*pressedTo, 640e3, name)
	}
}

// configurations are the paths of config/*.yaml.
func configurations(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root(t), "config", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}
