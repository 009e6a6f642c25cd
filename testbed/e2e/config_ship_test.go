package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/port"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// elsewhere moves the ports of config/*.yaml, so that tests can run side by side.
const elsewhere = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:{{.Ports.GRPC}}"}, http: {endpoint: "127.0.0.1:{{.Ports.HTTP}}"}}}
  syslog/udp: {udp: {listen_address: "{{.Vars.udp}}"}}
  syslog/tcp: {tcp: {listen_address: "{{.Vars.tcp}}"}}
extensions:
  health_check: {endpoint: "127.0.0.1:{{.Ports.Health}}"}
  mship_console: {endpoint: "127.0.0.1:0"}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: {{.Ports.Metrics}}}}}}]}}}
`

// The configurations that ships run, started as they are but for the ports,
// with the variables of the system that they replace.
func TestTheShipsConfigurationsDeliver(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ship", "satcom"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const records = 900
			s, udp, tcp := startShip(t, name, "SINK_DEFAULT_OPEN_DURATION_SEC=2", "SINK_DEFAULT_FAILURE_THRESHOLD=3")
			s.awaitDone(s.send(load.Plan{Records: records / 3}))
			say(t, "udp", udp, "<34>Oct 11 22:14:15 bridge navigation: course 270\n")
			say(t, "tcp", tcp, "<165>1 2026-01-02T03:04:05.000Z bridge navigation - ID1 - course 271\n")
			s.await(prompt, "both lines of syslog are ashore", func() bool { return unnumbered(s, record.Logs) == 2 })
			s.await(prompt, "host metrics are ashore", func() bool { return unnumbered(s, record.Metrics) > 0 })

			s.shore.Down()
			s.awaitDone(s.send(load.Plan{Records: records / 3, First: records / 3}))
			s.awaitCircuit(open)
			require.NoError(t, s.agent.Restart())
			s.awaitDone(s.send(load.Plan{Records: records / 3, First: 2 * records / 3}))
			require.NoError(t, s.shore.Up())
			s.awaitDrained()
			s.requireNothingLost(records)
			assert.Positive(t, s.metric("mship_link_bytes_total", "link", "mship_link", "direction", "up", "sink", "shore"), "sent over the link")
			for _, e := range s.shore.Requests() {
				assert.True(t, !e.Taken || slices.Equal(e.Header["Content-Encoding"], []string{"zstd"}), "%s: %s", e.Signal, e.Header)
			}
			assert.DirExists(t, filepath.Join(s.agent.Dir(), "queue-of-the-test"), "QUEUE_DIR")
		})
	}
}

// startShip starts config/<name>.yaml with a shore of its own, and tells where its syslog listens.
func startShip(t *testing.T, name string, env ...string) (s *scene, udp, tcp string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", name+".yaml"))
	require.NoError(t, err)
	udp, tcp = freeAddress(t), freeAddress(t)
	far := shore.Start(t)
	a := agent.Start(t, agent.Config{
		Template: string(text), Overlay: elsewhere,
		Vars: map[string]any{"udp": udp, "tcp": tcp},
		Env:  append(env, "SHORE_ENDPOINT="+far.HTTPEndpoint(), "VESSEL_IMO=9321483", "QUEUE_DIR=queue-of-the-test", "DLQ_DIR=dlq"),
	})
	byHTTP := load.NewHTTP(a.HTTPEndpoint())
	t.Cleanup(func() { assert.NoError(t, byHTTP.Close()) })
	return &scene{t: t, shore: far, agent: a, sender: byHTTP, ledger: load.NewLedger()}, udp, tcp
}

// unnumbered is how many records of the signal are ashore that no load generator made.
func unnumbered(s *scene, signal record.Signal) (records int) {
	for _, e := range s.shore.Requests() {
		if !e.Taken || e.Signal != signal {
			continue
		}
		for _, id := range e.Records { // a parcel holds both kinds
			if id == record.Unnumbered {
				records++
			}
		}
	}
	return records
}

// say sends a line of syslog.
func say(t *testing.T, network, address, line string) {
	t.Helper()
	c, err := net.DialTimeout(network, address, 5*time.Second)
	require.NoError(t, err)
	_, err = fmt.Fprint(c, line)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// freeAddress is an address on loopback that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	ports, err := port.Free(1)
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}
