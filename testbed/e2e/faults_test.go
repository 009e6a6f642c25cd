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

// outage is one way in which a link or a far end fails.
type outage struct {
	name    string
	begin   func(*shore.Shore)
	restart bool // SIGTERM and a new start in the middle of it
	takes   bool // the far end takes what comes, but nobody hears of it
}

// voyages are the outages that one ship meets one after the other.
var voyages = []struct {
	name    string
	outages []outage
}{
	{"the link fails", []outage{
		{name: "connections refused", begin: (*shore.Shore).Down},
		{name: "hang", begin: fails(shore.Hang()), restart: true},
		{name: "reset", begin: fails(shore.Reset())},
		{name: "taken, then reset", begin: fails(shore.TakeAndReset()), takes: true},
		{name: "blackhole", begin: fails(shore.Blackhole())},
	}},
	{"the far end fails", []outage{
		{name: "503", begin: fails(shore.Status(503)), restart: true},
		{name: "503 with Retry-After", begin: fails(shore.Status(503, shore.RetryAfter(4*time.Second)))},
		{name: "500", begin: fails(shore.Status(500))},
		{name: "captive portal", begin: fails(shore.CaptivePortal())},
		{name: "redirect", begin: func(s *shore.Shore) { s.SetFault(shore.RedirectTo(s.PortalURL())) }},
	}},
}

func fails(f shore.Fault) func(*shore.Shore) {
	return func(s *shore.Shore) { s.SetFault(f) }
}

const (
	calmRecords = 2500 // before the first outage
	// A leg is the load of one outage: it flows all through it and into the heal.
	legRecords = 3500
)

func TestNothingIsLostThroughEveryOutageAndARestart(t *testing.T) {
	t.Parallel()
	for _, v := range voyages {
		for _, sink := range []string{"otlp_http", "otlp_grpc"} {
			t.Run(v.name+", "+sink, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, agent.Config{
					Sink: sink, Timeout: 2 * time.Second,
					Breaker: agent.Breaker{OpenDuration: 3 * time.Second},
				})
				s.awaitDone(s.send(load.Plan{Records: calmRecords, Batch: 50}))
				next := calmRecords
				for _, o := range v.outages {
					s.awaitDrained()
					next += s.ridesOut(o, next)
				}
				s.awaitDrained()
				require.GreaterOrEqual(t, next, 20_000)
				s.requireNothingLost(next)
				requireStops(t, s.agent)
			})
		}
	}
}

// ridesOut sends through an outage, records from first on, and tells how many.
func (s *scene) ridesOut(o outage, first int) (records int) {
	s.t.Helper()
	lasts := inLong(15*time.Second, time.Minute)
	records = legRecords * int(lasts/(15*time.Second))
	leg := s.send(load.Plan{
		First: int64(first), Records: records, Batch: 50,
		Rate: float64(records) / (lasts + 2*time.Second).Seconds(),
	})
	o.begin(s.shore)
	begin := time.Now()
	before := s.shore.Delivered()
	none := func() bool { return o.takes || s.shore.Delivered() == before }
	s.awaitCircuit(open)
	if o.restart {
		s.through(lasts/2-time.Since(begin), "nothing is delivered in the outage", none)
		requireStops(s.t, s.agent)
		require.NoError(s.t, s.agent.Restart())
	}
	s.through(lasts-time.Since(begin), "nothing is delivered in the outage", none)
	s.t.Logf("%-20s %s: queue %.0f batches, attempts so far %.0f", o.name, time.Since(begin).Round(time.Second),
		s.metric("mship_queue_depth"), s.metric("mship_sink_attempts_total"))
	s.heal()
	s.awaitDone(leg)
	return records
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
