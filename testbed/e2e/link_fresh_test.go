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

// The outage of days is made short: the link is eight times as fast and its way a tenth as long,
// and what is older than some seconds is old.
const (
	fastRate = 8 * linkRate
	fastWay  = oneWay / 10
	// freshLoad of the cap is made aboard while the backlog drains: a little less than its share.
	freshLoad = 0.4
)

// After a long outage what happens now does not wait behind all that happened then.
func TestWhatIsFreshDoesNotWaitForTheBacklog(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			alone(t)
			backlog, old := inLong(20_000_000, 500_000_000), inLong(3*time.Second, 10*time.Second)
			u := newUplink(t, uplinkPlan{
				rate: fastRate, sky: satellite.Settings{OneWay: fastWay},
				senders: []sender{{name: "shore", way: way, more: "fresh_share: 0.5, fresh_for: " + old.String() + ", " + patient}},
			})
			stale := u.loads(backlog / parcelBytes)
			<-time.After(old)
			u.arrives()
			healed := time.Now()
			enough := u.makesFresh(stale)
			u.await(10*time.Minute, "the backlog is ashore", func() bool { return u.staleAshore(stale) })
			drained := time.Now()
			records := stale + enough()
			u.requireAshore(records)
			u.requireCapped()
			u.requireFreshFirst(stale, healed, drained)
		})
	}
}

// makesFresh makes records, numbered from first on, until enough is called, which tells how many.
func (u *uplink) makesFresh(first int) (enough func() (records int)) {
	stop := make(chan struct{})
	before := u.ledger.Sent()
	done := u.send(load.Plan{
		Until: stop, First: int64(first), Rate: freshLoad * float64(u.plan.rate) / (parcelBytes / parcelRecords),
		Batch: parcelRecords, Noise: recordNoise, Mix: []record.Signal{record.Logs},
	})
	return func() int {
		close(stop)
		u.awaitDone(done)
		return u.ledger.Sent() - before
	}
}

// staleAshore says that the backlog, the first so many records, has been taken.
func (u *uplink) staleAshore(stale int) bool {
	if u.shore.Delivered() < stale {
		return false
	}
	taken := 0
	for id := range u.shore.Counts() {
		if id < int64(stale) {
			taken++
		}
	}
	return taken == stale
}

// requireFreshFirst: what was made after the heal came soon, and the backlog had its share all the same.
func (u *uplink) requireFreshFirst(stale int, healed, drained time.Time) {
	u.t.Helper()
	var ages []time.Duration
	bytes := map[bool]int{}
	for _, e := range u.shore.RequestsSince(healed) {
		if !e.Taken || e.Repeated || e.Finished.After(drained) {
			continue
		}
		isFresh := e.Records[0] >= int64(stale)
		bytes[isFresh] += e.Bytes
		if isFresh {
			ages = append(ages, ageOf(e))
		}
	}
	require.NotEmpty(u.t, ages)
	slices.Sort(ages)
	late, share := ages[len(ages)*99/100], float64(bytes[false])/float64(bytes[false]+bytes[true])
	u.t.Logf("%s to drain: of %d fresh requests 99%% were younger than %s, half of them than %s; the backlog had %.2f of the bytes",
		drained.Sub(healed).Round(time.Second), len(ages), late, ages[len(ages)/2], share)
	assert.Less(u.t, late, inLong(3*time.Second, 10*time.Second))
	assert.GreaterOrEqual(u.t, share, 0.45, "its share, and what the fresh leave of theirs")
	assert.LessOrEqual(u.t, share, 0.75)
}

// ageOf is how old the oldest record of a request was when it was taken.
func ageOf(e shore.Entry) time.Duration { return e.Finished.Sub(e.Oldest) }
