package house

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// overlay lets a configuration start beside any other: ports of the kernel's choice, no metrics page.
var overlay = []string{
	"receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:0",
	"receivers::otlp::protocols::http::endpoint: 127.0.0.1:0",
	"receivers::otlp/shore::protocols::http::endpoint: 127.0.0.1:0",
	"receivers::syslog/udp::udp::listen_address: 127.0.0.1:0",
	"receivers::syslog/tcp::tcp::listen_address: 127.0.0.1:0",
	"extensions::health_check::endpoint: 127.0.0.1:0",
	"extensions::mship_console::endpoint: 127.0.0.1:0",
	"service::telemetry::metrics::level: none",
}

func TestConfigurationsStartAndStop(t *testing.T) {
	t.Parallel()
	for _, path := range configurations(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			startAndStop(t, path)
		})
	}
}

// startAndStop starts the agent in a folder of its own, waits until it is ready, and expects a
// SIGTERM to end it with status 0 within 5 s. The collector listens for signals only after it has
// said that it is ready, so the signal comes a second later.
func startAndStop(t *testing.T, config string) {
	t.Helper()
	args := []string{"--config", config}
	for _, line := range overlay {
		args = append(args, "--config", "yaml:"+line)
	}
	cmd := exec.CommandContext(t.Context(), agent(t), args...)
	cmd.Dir = t.TempDir()
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()

	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Everything is ready") {
			time.AfterFunc(time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
			kill.Reset(6 * time.Second)
		}
	}
	require.NoError(t, cmd.Wait(), log.String())
	assert.Contains(t, log.String(), "Shutdown complete")
	assert.NotContains(t, log.String(), "deprecated")
}
