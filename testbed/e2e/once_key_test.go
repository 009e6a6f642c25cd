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

// uuid7 is what a key looks like.
const uuid7 = `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`

// A batch has its records and its key for life: whatever befalls the link and
// the ship, two attempts have the same key if and only if they carry the same.
func TestABatchKeepsItsKey(t *testing.T) {
	t.Parallel()
	withAndWithoutBatch(t, func(t *testing.T, ship agent.Config) {
		const records = 6000
		ship.Timeout = time.Second
		ship.Breaker.OpenDuration = 300 * time.Millisecond
		s := newScene(t, ship)
		sent := s.send(load.Plan{Records: records, Rate: perSecond, Batch: perRequest})
		for _, f := range []shore.Fault{shore.Status(503), shore.TakeAndReset(), shore.Hang(), shore.Reset()} {
			s.shore.SetFault(f)
			before := len(s.shore.Requests())
			s.await(prompt, "attempts that fail", func() bool { return len(s.shore.Requests()) > before+10 })
			s.agent.Kill()
			start(t, s.agent)
			s.await(prompt, "they are made again", func() bool { return len(s.shore.Requests()) > before+20 })
			requireStops(t, s.agent)
			start(t, s.agent)
		}
		s.heal()
		s.awaitDone(sent)
		s.awaitDrained()
		s.requireNothingLost(records)
		requireOneKeyEach(t, s.shore.Requests())
	})
}

// requireOneKeyEach holds that each key stands for the same records in the same
// order, and each record for one key.
func requireOneKeyEach(t *testing.T, requests []shore.Entry) {
	t.Helper()
	content, keyOf, attempts := map[string][]int64{}, map[int64]string{}, 0
	for _, e := range requests {
		if len(e.Records) == 0 {
			continue // broken off before it was read
		}
		attempts++
		require.Regexp(t, uuid7, e.Key())
		if before, known := content[e.Key()]; known {
			require.Equal(t, before, e.Records, "batch %s has changed", e.Key())
		}
		content[e.Key()] = e.Records
		for _, id := range e.Records {
			if before, known := keyOf[id]; known {
				require.Equal(t, before, e.Key(), "record %d is in two batches", id)
			}
			keyOf[id] = e.Key()
		}
	}
	t.Logf("%d attempts of %d batches", attempts, len(content))
	assert.Greater(t, attempts, len(content), "nothing was sent again")
}
