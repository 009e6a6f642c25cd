package house

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever moves a version or a metric runs `make generate`.

func TestDistributionIsGenerated(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile(filepath.Join(root(t), "builder-config.yaml"))
	require.NoError(t, err)
	outputPath := regexp.MustCompile(`(?m)^  output_path: .*$`)
	require.Len(t, outputPath.FindAll(manifest, -1), 1)

	fresh := t.TempDir()
	manifest = outputPath.ReplaceAll(manifest, []byte("  output_path: "+fresh))
	path := filepath.Join(t.TempDir(), "builder-config.yaml")
	require.NoError(t, os.WriteFile(path, manifest, 0o600))
	tool(t, root(t), "builder", "--config", path, "--skip-compilation", "--skip-get-modules")

	requireSameFiles(t, fresh, filepath.Join(root(t), "cmd", "otelcol-mship"))
}

func TestMetadataIsGenerated(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"exporter/*/metadata.yaml", "extension/*/metadata.yaml"} {
		found, err := filepath.Glob(filepath.Join(root(t), pattern))
		require.NoError(t, err)
		for _, path := range found {
			component, err := filepath.Rel(root(t), filepath.Dir(path))
			require.NoError(t, err)
			t.Run(component, func(t *testing.T) {
				t.Parallel()
				requireMetadataIsGenerated(t, component)
			})
		}
	}
}

// requireMetadataIsGenerated generates in a copy of the component that has the module's name:
// mdatagen asks the go command what package it is in.
func requireMetadataIsGenerated(t *testing.T, component string) {
	t.Helper()
	committed := filepath.Join(root(t), component)
	copied := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root(t), name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, name), content, 0o600))
	}
	fresh := filepath.Join(copied, component)
	require.NoError(t, os.CopyFS(fresh, os.DirFS(committed)))
	for path := range files(t, fresh) {
		if generated.MatchString(path) {
			require.NoError(t, os.Remove(filepath.Join(fresh, path)))
		}
	}
	tool(t, fresh, "mdatagen", "metadata.yaml")
	requireSameFiles(t, fresh, committed)
}

// generated are mdatagen's own files: removed before it runs, so that a leftover is seen.
var generated = regexp.MustCompile(`(^|/)generated_[^/]*\.go$|^documentation\.md$`)

func requireSameFiles(t *testing.T, fresh, committed string) {
	t.Helper()
	want, have := files(t, fresh), files(t, committed)
	require.NotEmpty(t, want)
	for path := range have {
		require.Contains(t, want, path, "%s is generated no longer: make generate, and delete it", path)
	}
	for path, content := range want {
		require.Contains(t, have, path, "%s is missing: make generate", path)
		require.True(t, bytes.Equal(content, have[path]), "%s is stale: make generate", path)
	}
}

// files reads a directory tree: relative path to content.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	contents := map[string][]byte{}
	tree := os.DirFS(dir)
	require.NoError(t, fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		contents[path], err = fs.ReadFile(tree, path)
		return err
	}))
	return contents
}
