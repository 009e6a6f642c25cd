package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// outages are the ways in which a link or a far end fails, in the order of the voyage.
var outages = []struct {
	name    string
	begin   func(*shore.Shore)
	restart bool // SIGTERM and a new start in the middle of it
}{
	{name: "connections refused", begin: (*shore.Shore).Down},
	{name: "hang", begin: fails(shore.Hang()), restart: true},
	{name: "503", begin: fails(shore.Status(503))},
	{name: "500", begin: fails(shore.Status(500))},
	{name: "captive portal", begin: fails(shore.CaptivePortal())},
	{name: "reset", begin: fails(shore.Reset())},
	{name: "blackhole", begin: fails(shore.Blackhole())},
}

func fails(f shore.Fault) func(*shore.Shore) {
	return func(s *shore.Shore) { s.SetFault(f) }
}

const (
	outageTime = 15 * time.Second
	// A leg is the load of one outage: it flows all through it and into the heal.
	legRecords = 2500
	legTime    = outageTime + 2*time.Second
)

func TestNothingIsLostThroughEveryOutageAndARestart(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, agent.Config{
				Sink: sink, Timeout: 2 * time.Second,
				Breaker: agent.Breaker{OpenDuration: 3 * time.Second},
			})
			s.awaitDone(s.send(load.Plan{Records: legRecords, Batch: 50})) // a calm beginning
			for i, outage := range outages {
				s.awaitDrained()
				leg := s.send(load.Plan{
					First: int64(i+1) * legRecords, Records: legRecords, Batch: 50,
					Rate: legRecords / legTime.Seconds(),
				})
				outage.begin(s.shore)
				begin := time.Now()
				before := s.shore.Delivered()
				none := func() bool { return s.shore.Delivered() == before }
				s.awaitCircuit(open)
				if outage.restart {
					s.through(outageTime/2-time.Since(begin), "nothing is delivered in the outage", none)
					requireStops(t, s.agent)
					require.NoError(t, s.agent.Restart())
				}
				s.through(outageTime-time.Since(begin), "nothing is delivered in the outage", none)
				t.Logf("%-20s %s: queue %.0f batches, attempts so far %.0f", outage.name, time.Since(begin).Round(time.Second),
					s.metric("mship_queue_depth"), s.metric("mship_sink_attempts_total"))
				s.heal()
				s.awaitDone(leg)
			}
			s.awaitDrained()
			s.requireNothingLost(20_000)
			requireStops(t, s.agent)
		})
	}
}

// heal ends every outage.
func (s *scene) heal() {
	s.t.Helper()
	s.shore.SetFault(shore.Accept())
	require.NoError(s.t, s.shore.Up())
	s.awaitCircuit(closed)
}

// requireStops ends an agent with SIGTERM as an init system would.
func requireStops(t *testing.T, a *agent.Agent) {
	t.Helper()
	exit := a.Stop()
	require.False(t, exit.Forced, "SIGTERM did not end it")
	assert.Zero(t, exit.Code)
}
