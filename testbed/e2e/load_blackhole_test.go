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

// A far end that takes everything and says nothing costs most: every request
// on the wire is airtime. While it lasts, a rest of the breaker costs one body.
func TestASilentShoreCostsOneRequestPerRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sink    string
		silence shore.Fault
	}{
		{"otlp_http", shore.Blackhole()},
		{"otlp_grpc", shore.Hang()},
	} {
		t.Run(c.sink, func(t *testing.T) {
			t.Parallel()
			const perSecond = 2000
			records := int(inLong(time.Minute, 5*time.Minute).Seconds()) * perSecond
			timeout, rest := 2*time.Second, 5*time.Second
			s := newScene(t, agent.Config{
				Sink: c.sink, Timeout: timeout,
				// Every connect succeeds: it must not tempt the breaker to probe more often.
				Breaker: agent.Breaker{OpenDuration: rest, HalfOpenMaxInflight: 3, WakeInterval: time.Second},
			})
			s.shore.SetFault(c.silence)
			sent := s.send(load.Plan{Records: records, Rate: perSecond})
			s.awaitCircuit(open)
			awaitQuietWire(s)
			settled := time.Now()

			<-sent
			over := time.Now()
			requireLoneProbes(s, settled, over, rest)
			s.shore.SetFault(shore.Accept())
			s.awaitDrained()
			s.requireNothingLost(records)
			t.Logf("%s of silence after the opening cost %d requests", over.Sub(settled).Round(time.Second), len(probes(s.shore, settled, over)))
		})
	}
}

// awaitQuietWire waits until no request is on its way or ashore: what was on the
// wire when the breaker opened still waits for its answer. None was accepted so far.
func awaitQuietWire(s *scene) {
	s.t.Helper()
	s.await(prompt, "the requests from before the opening are over", func() bool {
		page, err := s.agent.Scrape()
		require.NoError(s.t, err)
		begun, _ := page.Value("mship_sink_attempts_total", nil)
		ended, _ := page.Value("mship_sink_error_total", nil)
		return begun == ended && s.shore.InFlight() == 0
	})
}

// requireLoneProbes: while the breaker is open its probes come one at a time, a rest apart at least.
func requireLoneProbes(s *scene, since, until time.Time, rest time.Duration) {
	s.t.Helper()
	assert.LessOrEqual(s.t, s.shore.MaxInFlight(since), 1, "requests in flight together; half_open_max_inflight is the promise, one the aim")
	arrived := probes(s.shore, since, until)
	require.Greater(s.t, len(arrived), 2, "the breaker does not probe")
	for i, at := range arrived[1:] {
		assert.GreaterOrEqual(s.t, at.Sub(arrived[i]), rest, "between probe %d and the next", i+1)
	}
}

// probes are the times at which requests arrived from since until then.
func probes(far *shore.Shore, since, until time.Time) (arrived []time.Time) {
	for _, e := range far.RequestsSince(since) {
		if e.Arrived.Before(until) {
			arrived = append(arrived, e.Arrived)
		}
	}
	return arrived
}
