package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// BinaryVariable is the environment variable that names a binary which is
// built already.
const BinaryVariable = "MSHIP_BINARY"

// builds is the one build of this process; building twice would cost minutes.
var builds struct {
	once sync.Once
	dir  string // to be removed; "" if nothing was built
	path string
	err  error
}

// Binary is the path of the binary under test. The first call builds it.
func Binary() (string, error) {
	builds.once.Do(func() {
		if path := os.Getenv(BinaryVariable); path != "" {
			builds.path, builds.err = filepath.Abs(path)
			return
		}
		builds.path, builds.err = build()
	})
	return builds.path, builds.err
}

// Main runs a package's tests and removes the binary that was built for them.
// It is meant for TestMain: os.Exit(agent.Main(m)).
func Main(m *testing.M) int {
	defer func() {
		if builds.dir != "" {
			_ = os.RemoveAll(builds.dir) // a leftover in the temporary folder
		}
	}()
	return m.Run()
}

func build() (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	builds.dir, err = os.MkdirTemp("", "otelcol-mship-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(builds.dir, "otelcol-mship")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/otelcol-mship") //nolint:gosec // our own source
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent: %w\n%s", err, out)
	}
	return path, nil
}

// ModuleRoot walks up from the working directory to the go.mod.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory; set " + BinaryVariable)
		}
		dir = parent
	}
}
