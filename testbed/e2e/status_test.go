package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

var statusTime = inLong(20*time.Second, 2*time.Minute)

func TestStatusOfAFarEndThatRefusesEveryoneCostsNoRecord(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 511} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			const records = 2000
			s := newScene(t, agent.Config{Breaker: agent.Breaker{OpenDuration: 2 * time.Second}})
			done := s.send(load.Plan{Records: records, Rate: records / (statusTime + 2*time.Second).Seconds(), Batch: 25})
			s.await(prompt, "records arrive before the fault", func() bool { return s.shore.Delivered() > 0 })

			s.shore.SetFault(shore.Status(status))
			before := s.shore.Delivered()
			s.through(statusTime, "nothing is delivered", func() bool { return s.shore.Delivered() == before })
			assert.GreaterOrEqual(t, s.metric("mship_sink_circuit_open_total"), 2.0, "the breaker opens, and probes")

			s.heal()
			s.awaitDone(done)
			s.awaitDrained()
			s.requireNothingLost(records)
		})
	}
}

func TestSignalThatIsRefusedAltogetherWaitsOnItsOwn(t *testing.T) {
	t.Parallel()
	const (
		rate = 80.0
		lag  = 3 * time.Second
	)
	each := int(rate * (statusTime + 5*time.Second).Seconds()) // beyond the fault
	s := newScene(t, agent.Config{Retry: agent.Retry{MaxInterval: 5 * time.Second}})
	var loads []<-chan struct{}
	for i, signal := range record.Signals() {
		loads = append(loads, s.send(load.Plan{
			First: int64(i * each), Records: each, Rate: rate, Batch: 20, Mix: []record.Signal{signal},
		}))
	}
	s.await(prompt, "logs arrive before the fault", func() bool { return s.taken(time.Time{}, record.Logs) > 0 })

	begin := time.Now()
	s.shore.SetFault(shore.RejectSignal(record.Logs, 400))
	logs := s.taken(time.Time{}, record.Logs)
	s.await(prompt, "the logs are held", func() bool { return s.metric("mship_signal_held", "signal", "logs") == 1 })
	s.through(statusTime-time.Since(begin), "the logs alone are held and the breaker stays closed", func() bool {
		s.requireKeepsUp(lag, func(id int64) bool { return id >= int64(each) }) // metrics and traces
		page, err := s.agent.Scrape()
		require.NoError(t, err)
		state, _ := page.Value("mship_sink_circuit_state", nil)
		opened, _ := page.Value("mship_sink_circuit_open_total", nil)
		held, _ := page.Value("mship_signal_held", nil)
		heldLogs, _ := page.Value("mship_signal_held", map[string]string{"signal": "logs"})
		return state == closed && opened == 0 && held == 1 && heldLogs == 1
	})
	require.Equal(t, logs, s.taken(time.Time{}, record.Logs), "logs were to be refused")
	for _, signal := range []record.Signal{record.Metrics, record.Traces} {
		assert.Greater(t, s.taken(begin, signal), int(rate*(statusTime-lag).Seconds())*8/10, "%s flow", signal)
	}

	s.shore.SetFault(shore.Accept())
	for _, done := range loads {
		s.awaitDone(done)
	}
	s.awaitDrained()
	s.requireNothingLost(3 * each)
	assert.Zero(t, s.metric("mship_signal_held"))
	assert.Len(t, s.agent.LogLines("the signal is held"), 1)
	assert.Len(t, s.agent.LogLines("the signal flows again"), 1)
}

// requireKeepsUp requires that those acknowledged records arrive within lag.
func (s *scene) requireKeepsUp(lag time.Duration, those func(id int64) bool) {
	s.t.Helper()
	acknowledged := s.ledger.Acknowledged()
	s.await(lag, "what was acknowledged is delivered", func() bool {
		counts := s.shore.Counts()
		for _, id := range acknowledged {
			if those(id) && counts[id] == 0 {
				return false
			}
		}
		return true
	})
}
