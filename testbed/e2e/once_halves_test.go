package e2e_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// bad records are refused ashore wherever they come.
func bad(id int64) bool { return id%400 == 123 }

// refusesAndForgets refuses bad records, and loses the answers to that share of the other requests.
func refusesAndForgets(share float64) shore.Fault {
	refuse, forget := shore.Status(400), shore.Share(share, shore.TakeAndReset())
	return shore.FaultFunc(func(r shore.Request) shore.Verdict {
		if slices.ContainsFunc(r.Records, bad) {
			return refuse.Decide(r)
		}
		return forget.Decide(r)
	})
}

// A batch with a bad record goes ashore in parts, and a kill comes between
// them: each part is taken once, and only the bad record is parked, once.
func TestPartsOfABatchComeOnce(t *testing.T) {
	t.Parallel()
	withAndWithoutBatch(t, func(t *testing.T, ship agent.Config) {
		kills := inLong(5, 50)
		p := newPassage(t, ship, agent.Forwarding)
		p.link.SetFault(refusesAndForgets(lost[ship.Sink] / 2))
		enough := p.sendOn()
		for kill := range kills {
			p.awaitSomeMore()
			p.whileItSails(kill)
			p.agent.Kill()
			start(t, p.agent)
		}
		p.link.SetFault(refusesAndForgets(0)) // over gRPC each loss opens the breaker: a long backlog would take long
		records := enough()
		p.awaitDrained()
		p.await(drained, "the good ones are ashore", func() bool { return p.shore.Delivered() >= goodIn(records) })
		balance := p.tally()
		assert.True(t, balance.Exact(), balance)
		assert.Equal(t, records, balance.Acknowledged)
		require.Len(t, balance.Parked, records-goodIn(records))
		assert.Len(t, tally.ParkedIDs(p.deadLetters()), len(balance.Parked), "parked once each")
		assert.True(t, bad(balance.Parked[0]))
		assert.Empty(t, p.link.ChangedKeys())
		t.Logf("%d kills: parked %d, sent again %d times", kills, len(balance.Parked), p.link.Repeats())
	})
}

// goodIn is how many of the first records are good.
func goodIn(records int) (good int) {
	for id := range int64(records) {
		if !bad(id) {
			good++
		}
	}
	return good
}
