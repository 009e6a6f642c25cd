package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// What the log says when the breaker changes.
const (
	openedLine = "the circuit breaker is open"
	closedLine = "the circuit breaker is closed"
	answered   = "the far end answered"
)

const proofTime = 10 * time.Second

func TestAnswerWithoutProofIsNoDelivery(t *testing.T) {
	t.Parallel()
	const setStatus = "set delivery_proof: status"
	for _, c := range []struct {
		name  string
		fault func(*shore.Shore) shore.Fault
		line  []string // what the one line of the log says
	}{
		{"captive portal", func(*shore.Shore) shore.Fault { return shore.CaptivePortal() },
			[]string{"answered 200", "text/html", "log in to the portal"}},
		{"redirect", func(s *shore.Shore) shore.Fault { return shore.RedirectTo(s.PortalURL()) },
			[]string{"answered 302", "captive portal", "mend the endpoint"}},
		{"empty 200", func(*shore.Shore) shore.Fault { return shore.EmptyOK() },
			[]string{"answered 200 without content type", setStatus}},
		{"204", func(*shore.Shore) shore.Fault { return shore.NoContent() },
			[]string{"answered 204", setStatus}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, agent.Config{Breaker: agent.Breaker{OpenDuration: 2 * time.Second}})
			requireRidesOut(s, c.fault(s.shore), c.line)
			assert.Zero(t, s.shore.PortalHits(), "a redirect is never followed")
		})
	}
}

func TestDeliveryProofStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		bare shore.Fault
	}{
		{"204, as Loki answers", shore.NoContent()},
		{"empty 200, as Prometheus answers", shore.EmptyOK()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const records = 3000
			s := newScene(t, agent.Config{DeliveryProof: "status"})
			s.shore.SetFault(shore.Taking(c.bare))
			s.awaitDone(s.send(load.Plan{Records: records}))
			s.awaitDrained()
			balance := s.requireNothingLost(records)
			assert.True(t, balance.Exact(), "delivered more than once: %v", balance.Duplicated)
			assert.Zero(t, s.metric("mship_sink_error_total"))
			assert.Zero(t, s.metric("mship_sink_circuit_open_total"))
		})
	}
	t.Run("HTML is no proof even so", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, agent.Config{DeliveryProof: "status", Breaker: agent.Breaker{OpenDuration: 2 * time.Second}})
		requireRidesOut(s, shore.CaptivePortal(), []string{"answered 200", "text/html", "log in to the portal"})
	})
}

// requireRidesOut sends through a fault that lasts, and requires that the
// breaker opens, that one line of the log says all these words, and that
// everything is delivered after.
func requireRidesOut(s *scene, fault shore.Fault, words []string) {
	t := s.t
	t.Helper()
	const records = 3000
	load := s.send(load.Plan{Records: records, Rate: records / (proofTime + 3*time.Second).Seconds(), Batch: 50})
	s.await(prompt, "records arrive before the fault", func() bool { return s.shore.Delivered() > 0 })
	require.Empty(t, s.agent.LogLines(answered))

	s.shore.SetFault(fault)
	before := s.shore.Delivered()
	s.awaitCircuit(open)
	s.through(proofTime, "nothing is delivered", func() bool { return s.shore.Delivered() == before })
	assert.GreaterOrEqual(t, s.metric("mship_sink_circuit_open_total"), 2.0, "it probes")
	lines := s.agent.LogLines(answered)
	require.Len(t, lines, 1, "one outage, one line")
	for _, word := range append(words, openedLine) {
		assert.Contains(t, strings.ReplaceAll(lines[0], `\"`, `"`), word)
	}

	s.heal()
	s.awaitDone(load)
	s.awaitDrained()
	s.requireNothingLost(records)
	assert.Len(t, s.agent.LogLines(openedLine), 1)
	assert.Len(t, s.agent.LogLines(closedLine), 1)
}
