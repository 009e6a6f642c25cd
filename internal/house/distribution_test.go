package house

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The distribution stays lean, for edge boxes: what is added here is added on purpose.
var distribution = map[string][]string{
	"receivers":  {"file_log", "host_metrics", "otlp", "syslog", "tcp_log", "udp_log"},
	"processors": {"batch", "filter", "memory_limiter", "resource", "transform"},
	"exporters":  {"debug", "file", "mship", "otlp_grpc", "otlp_http"},
	"connectors": {},
	"extensions": {"bearertokenauth", "file_storage", "health_check", "mship_console", "mship_dedup", "mship_link", "mship_storage", "zpages"},
	"providers":  {"env", "file", "yaml"},
}

func TestDistributionIsWhatItSays(t *testing.T) {
	t.Parallel()
	var listed map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(output(t, root(t), agent(t), "components")), &listed))
	delete(listed, "buildinfo")
	delete(listed, "converters") // none; what there is comes with the collector
	assert.ElementsMatch(t, slices.Collect(maps.Keys(distribution)), slices.Collect(maps.Keys(listed)))
	for kind, want := range distribution {
		var entries []struct{ Name, Scheme string }
		node := listed[kind]
		require.NoError(t, node.Decode(&entries))
		have := []string{}
		for _, e := range entries {
			have = append(have, e.Name+e.Scheme)
		}
		assert.ElementsMatch(t, want, have, kind)
	}
}

// ocb runs without fetching modules, so nothing but this keeps its versions and go.mod's one.
func TestVersionsAreOne(t *testing.T) {
	t.Parallel()
	required := requirements(t)
	content, err := os.ReadFile(filepath.Join(root(t), "builder-config.yaml"))
	require.NoError(t, err)
	var manifest map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal(content, &manifest))
	delete(manifest, "dist")
	require.NotEmpty(t, manifest)
	for kind, node := range manifest {
		var entries []struct{ Gomod string }
		require.NoError(t, node.Decode(&entries), kind)
		for _, e := range entries {
			path, version, ok := strings.Cut(e.Gomod, " ")
			require.True(t, ok, e.Gomod)
			if path != module {
				assert.Equal(t, required[path], version, "%s: builder-config.yaml and go.mod differ", path)
			}
		}
	}
}

// requirements are go.mod's: module path to version.
func requirements(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Require []struct{ Path, Version string }
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, root(t), "go", "mod", "edit", "-json")), &file))
	versions := map[string]string{}
	for _, r := range file.Require {
		versions[r.Path] = r.Version
	}
	return versions
}
