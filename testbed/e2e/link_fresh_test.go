package e2e_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// fastWay is a tenth of the way: the outage of days is made short, the link is fast, and what is
// older than some seconds is old.
const fastWay = oneWay / 10

// freshCases are how much of the cap is made aboard while the backlog drains, and what is to hold
// then. The share of the fresh is half of the bytes; the backlog has what they leave.
var freshCases = []struct {
	name, way   string
	load        float64
	soon        bool // the fresh do not wait
	least, most float64
}{
	{"less than its share", "http", 0.4, true, inLong(0.45, 0.5), inLong(0.9, 0.7)},
	{"less than its share", "grpc", 0.4, true, inLong(0.45, 0.5), inLong(0.9, 0.7)},
	{"more than its share", "http", 0.8, false, inLong(0.4, 0.45), inLong(0.7, 0.55)},
}

// After a long outage what happens now does not wait behind all that happened then, which goes on all the same.
func TestWhatIsFreshDoesNotWaitForTheBacklog(t *testing.T) {
	alone(t)
	for _, c := range freshCases {
		t.Run(c.name+", "+c.way, func(t *testing.T) {
			alone(t)
			backlog, old := inLong(10_000_000, 500_000_000), inLong(3*time.Second, 10*time.Second)
			w := newAirway(t, airwayPlan{
				rate: inLong(4, 8) * vsatRate, sky: satellite.Settings{OneWay: fastWay},
				senders: []sender{{name: "shore", way: c.way, more: "fresh_share: 0.5, fresh_for: " + old.String() + ", " + rested}},
			})
			stale := w.loads(backlog / parcelBytes)
			<-time.After(old)
			w.arrives()
			healed := time.Now()
			enough := w.makesFresh(stale, c.load)
			w.await(10*time.Minute, "the backlog is ashore", func() bool { return w.staleAshore(stale) })
			drained := time.Now()
			w.requireAshore(stale + enough())
			w.requireCapped()
			late, share := w.freshAndStale(stale, healed, drained)
			if w.ran(healed, drained.Sub(healed)) {
				assert.GreaterOrEqual(t, share, c.least)
				assert.LessOrEqual(t, share, c.most)
				assert.True(t, !c.soon || late < inLong(drained.Sub(healed)/2, 10*time.Second), late)
			}
		})
	}
}

// makesFresh makes records, numbered from first on, at that share of the cap until enough is
// called, which tells how many.
func (w *airway) makesFresh(first int, share float64) (enough func() (records int)) {
	stop, before := make(chan struct{}), w.ledger.Sent()
	done := w.send(load.Plan{
		Until: stop, First: int64(first), Rate: share * float64(w.plan.rate) / (parcelBytes / parcelRecords),
		Batch: parcelRecords, Noise: recordNoise, Mix: []record.Signal{record.Logs},
	})
	return func() int {
		close(stop)
		w.awaitDone(done)
		return w.ledger.Sent() - before
	}
}

// staleAshore says that the backlog, the first so many records, has been taken.
func (w *airway) staleAshore(stale int) bool {
	if w.shore.Delivered() < stale {
		return false
	}
	taken := 0
	for id := range w.shore.Counts() {
		if id < int64(stale) {
			taken++
		}
	}
	return taken == stale
}

// freshAndStale tells how old 99 of 100 requests at the most were that were made after the heal,
// and the share of the backlog, the first so many records, in the bytes ashore.
func (w *airway) freshAndStale(stale int, healed, drained time.Time) (late time.Duration, share float64) {
	w.t.Helper()
	var ages []time.Duration
	bytes := map[bool]int{}
	for _, e := range w.shore.RequestsSince(healed) {
		if !e.Taken || e.Repeated || e.Finished.After(drained) {
			continue
		}
		isFresh := e.Records[0] >= int64(stale)
		bytes[isFresh] += e.Bytes
		if isFresh {
			ages = append(ages, ageOf(e))
		}
	}
	require.NotEmpty(w.t, ages)
	slices.Sort(ages)
	late, share = ages[len(ages)*99/100], float64(bytes[false])/float64(bytes[false]+bytes[true])
	w.t.Logf("%s to drain: of %d fresh requests 99%% were younger than %s, half of them than %s; the backlog had %.2f of the bytes",
		drained.Sub(healed).Round(time.Second), len(ages), late, ages[len(ages)/2], share)
	return late, share
}

// ageOf is how old the oldest record of a request was when it was taken.
func ageOf(e shore.Entry) time.Duration { return e.Finished.Sub(e.Oldest) }
