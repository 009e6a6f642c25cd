package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
)

// A kill without warning, again and again, while the link works and while it
// does not: what a client was told is taken comes ashore. What was in flight at
// a kill may come twice.
func TestNoKillLosesWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records, perSecond = 12_000, 800
			s := newScene(t, agent.Config{Sink: sink, Breaker: agent.Breaker{OpenDuration: time.Second}})
			sent := s.send(load.Plan{Records: records, Rate: perSecond, Batch: 20})
			for kill := range 8 {
				if kill%4 == 1 {
					s.shore.Down()
				}
				if kill%4 == 3 {
					require.NoError(t, s.shore.Up())
				}
				// A little later each time, so that it hits other moments of the same second.
				s.through(700*time.Millisecond+time.Duration(kill)*90*time.Millisecond, "", func() bool { return true })
				s.agent.Kill()
				require.NoError(t, s.agent.Restart(), "after kill %d", kill)
			}
			s.awaitDone(sent)
			s.awaitDrained()
			balance := s.requireNothingLost(records)
			assert.Less(t, len(balance.Duplicated), records/4, "only what was in flight may come twice")
		})
	}
}
