package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// What the README says of `make run`: within 30 s this machine is to be seen
// ashore, and Ctrl-C ends it cleanly. Ship and shore are one process there.
func TestTheQuickstartShowsThisMachine(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "quickstart.yaml"))
	require.NoError(t, err)
	udp, tcp := freeAddress(t), freeAddress(t)
	begin := time.Now()
	a := agent.Start(t, agent.Config{
		Template: string(text),
		Overlay: strings.Replace(elsewhere, "receivers:\n", `receivers:
  otlp/shore: {protocols: {http: {endpoint: "{{.Vars.shore}}"}}}
`, 1) + `exporters: {mship/shore: {sink: {otlp_http: {endpoint: "http://{{.Vars.shore}}"}}}}`,
		Vars: map[string]any{"udp": udp, "tcp": tcp, "shore": freeAddress(t)},
	})
	say(t, "udp", udp, "<34>Oct 11 22:14:15 bridge navigation: course 270\n")
	say(t, "tcp", tcp, "<165>1 2026-01-02T03:04:05.000Z bridge navigation - ID1 - course 271\n")
	for name, words := range map[string][]string{
		"metrics": {"system.cpu.time", "system.memory.usage", "system.network.io"},
		"logs":    {"course 270", "course 271"},
	} {
		path := filepath.Join(a.Dir(), "data", "shore", name+".jsonl")
		require.Eventually(t, func() bool {
			ashore, err := os.ReadFile(path)
			return err == nil && hasAll(string(ashore), words)
		}, 30*time.Second-time.Since(begin), poll, "%s: %s", path, words)
	}
	require.NoError(t, syscall.Kill(a.PID(), syscall.SIGINT))
	require.Eventually(t, func() bool { return !a.Running() }, stopTime, poll, "Ctrl-C does not end it")
	assert.Zero(t, a.Stop().Code)
}
