package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
)

// The breaker may rest for minutes: a bare connect tells earlier that the far end
// is there again.
func TestTheFirstDataIsAshoreSoonAfterTheHeal(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records = 600
			wake := inLong(2*time.Second, 10*time.Second)
			s := newScene(t, agent.Config{
				Sink: sink, Timeout: 2 * time.Second,
				Breaker: agent.Breaker{OpenDuration: 120 * time.Second, WakeInterval: wake},
			})
			s.awaitDone(s.send(load.Plan{Records: records / 2}))
			s.awaitDrained()

			s.shore.Down()
			down := time.Now()
			sent := s.send(load.Plan{Records: records / 2, First: records / 2})
			s.awaitCircuit(open)
			s.awaitDone(sent)
			time.Sleep(inLong(8*time.Second, 20*time.Second) - time.Since(down))
			assert.Positive(t, s.metric("mship_sink_wake_total", "outcome", "failed"))
			assert.Zero(t, s.metric("mship_sink_wake_total", "outcome", "connected"))

			require.NoError(t, s.shore.Up())
			up := time.Now()
			s.await(prompt, "the first request after the outage", func() bool { return len(s.shore.RequestsSince(up)) > 0 })
			first := s.shore.RequestsSince(up)[0].Arrived.Sub(up)
			t.Logf("the first data is ashore %s after the heal", first.Round(time.Millisecond))
			require.LessOrEqual(t, first, wake+2*time.Second)
			s.awaitDrained()
			s.requireNothingLost(records)
			assert.Len(t, s.agent.LogLines("the circuit breaker's rest ends early"), 1)
		})
	}
}
