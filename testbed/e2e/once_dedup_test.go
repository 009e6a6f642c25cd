package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// mship_dedup's memory and the pipeline's are two: what is in flight at its death can come twice.
func TestKillsOfARememberingShoreCostAtMostWhatIsInFlight(t *testing.T) {
	t.Parallel()
	bothSinks(t, func(t *testing.T, sink string) {
		kills := inLong(5, 20)
		p := newPassage(t, sailing(sink, agent.Batch{}), agent.Remembering)
		enough := p.sendOn()
		for kill := range kills {
			p.whileItSails(kill)
			p.gateway.Kill()
			start(t, p.gateway)
			p.awaitSomeMore()
		}
		records := enough()
		p.awaitAshore()
		p.requireNothingLost(records)
		again := copies(p.shore)
		t.Logf("%d kills of the gateway: %d requests came twice", kills, again)
		assert.LessOrEqual(t, again, kills*mostInFlight)
	})
}

// copies is how many requests the back end took although it had all of their records.
func copies(far *shore.Shore) (requests int) {
	had := map[int64]bool{}
	for _, e := range far.Requests() {
		if !e.Taken {
			continue
		}
		again := false
		for _, id := range e.Records {
			again = again || had[id]
			had[id] = true
		}
		if again {
			requests++
		}
	}
	return requests
}
