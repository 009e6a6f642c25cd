package house

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const module = "github.com/otelcol-mship/otelcol-mship"

// scratch outlives the single test: the binary is built there, once.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "house"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(scratch)
		os.Exit(code)
	}))
}

// root is the repository's directory, absolute.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// output runs a command in dir and returns its standard output; a failure ends the test.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s\n%s%s", name, strings.Join(args, " "), out, &stderr)
	return string(out)
}

// tool runs one of the tools pinned in internal/tools.
func tool(t *testing.T, dir string, args ...string) {
	t.Helper()
	modfile := filepath.Join(root(t), "internal", "tools", "go.mod")
	output(t, dir, "go", append([]string{"tool", "-modfile=" + modfile}, args...)...)
}

// agent is the path of the built binary: MSHIP_BINARY, or one built here, once.
func agent(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("MSHIP_BINARY"); path != "" {
		return path
	}
	path, err := build()
	require.NoError(t, err)
	return path
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "otelcol-mship")
	out, err := exec.Command("go", "build", "-o", path, module+"/cmd/otelcol-mship").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
