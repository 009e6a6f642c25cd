package e2e_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// everything is an order about all dead letters.
func everything() map[string]any { return map[string]any{"filter": map[string]any{}} }

// replayed is what the console says of a replay.
type replayed struct{ Replayed, Failed, Left int }

// Dead letters come back while the ship is killed again and again: what was
// refused and is taken now comes ashore, once, whatever remembers it there.
func TestReplaysUnderKillsNeitherLoseNorDouble(t *testing.T) {
	t.Parallel()
	for name, ashore := range ashores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothSinks(t, func(t *testing.T, sink string) {
				p, records := parkedPassage(t, sink, ashore)
				kills := p.replayUnderKills()
				p.awaitAshore()
				balance := p.requireOnce(records)
				t.Logf("%d kills in the middle of replays: lost %d, duplicated %d of %d", kills, len(balance.Lost), len(balance.Duplicated), records)
				assert.Equal(t, records, balance.Delivered)
				assert.Positive(t, kills)
			})
		})
	}
}

// parkedPassage has parked every hundredth record, and takes all of them now.
func parkedPassage(t *testing.T, sink string, ashore func(agent.Config) agent.Config) (p *passage, records int) {
	t.Helper()
	records = inLong(4000, 20_000)
	ship := sailing(sink, agent.Batch{})
	ship.Console = true
	p = newPassage(t, ship, ashore)
	p.link.SetFault(shore.RejectRecords(func(id int64) bool { return id%100 == 7 }))
	p.awaitDone(p.send(load.Plan{Records: records, Rate: 2000, Batch: perRequest}))
	p.awaitDrained()
	require.Len(t, p.deadLetters(), records/100)
	p.link.SetFault(shore.Accept())
	return p, records
}

// replayUnderKills replays until nothing is parked any more. Each time the ship
// is killed, a little later than before.
func (p *passage) replayUnderKills() (kills int) {
	p.t.Helper()
	for len(p.deadLetters()) > 0 {
		var order sync.WaitGroup
		order.Go(func() {
			var answer replayed
			_ = p.agent.Ask(http.MethodPost, "/api/v1/sinks/shore/dead-letters/replay", everything(), &answer) // the kill cuts it off
		})
		<-time.After(time.Duration(3+2*kills) * time.Millisecond)
		p.agent.Kill()
		order.Wait()
		start(p.t, p.agent)
		kills++
		require.Less(p.t, kills, 500, "it comes to no end")
	}
	return kills
}
