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
	for name, cfg := range map[string]agent.Config{
		"otlp_http": {},
		"otlp_grpc": {Sink: "otlp_grpc"},
		"otlp_http, nothing compressed, small segments": {Overlay: `extensions: {mship_storage: {compression: none, max_bytes: 33554432}}`},
		"otlp_http, on the stock storage":               {Queue: agent.Queue{Storage: "file_storage"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const perSecond, batch = 800, 20
			kills := inLong(8, 50)
			records := 1500 * kills
			cfg.Breaker.OpenDuration = time.Second
			s := newScene(t, cfg)
			sent := s.send(load.Plan{Records: records, Rate: perSecond, Batch: batch})
			for kill := range kills {
				if kill%4 == 1 {
					s.shore.Down()
				}
				if kill%4 == 3 {
					require.NoError(t, s.shore.Up())
				}
				// A little later each time, so that it hits other moments of the same second.
				s.through(700*time.Millisecond+time.Duration(kill%8)*90*time.Millisecond, "", func() bool { return true })
				s.agent.Kill()
				require.NoError(t, s.agent.Restart(), "after kill %d", kill)
			}
			require.NoError(t, s.shore.Up())
			s.awaitDone(sent)
			s.awaitDrained()
			balance := s.requireNothingLost(records)
			t.Logf("%d kills: lost %d, duplicated %d of %d", kills, len(balance.Lost), len(balance.Duplicated), records)
			assert.Less(t, len(balance.Duplicated), records/4, "only what was in flight may come twice")
			assert.Empty(t, s.agent.LogLines("damaged"), "a kill tears nothing that was acknowledged")
		})
	}
}
