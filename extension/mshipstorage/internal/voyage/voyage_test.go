package voyage

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestThePowerIsCutAtEveryStep cuts the power of the whole ship at every step of
// door, journal, seal, enqueue, send, acknowledge, ledger and completion, and
// of some recoveries too. Nothing that was acknowledged is lost, nothing is
// delivered twice to a far end that remembers keys, no parcel ever changes,
// what is new flows, and nothing stays behind.
func TestThePowerIsCutAtEveryStep(t *testing.T) {
	sum := newTally()
	for i, r := range []route{
		{name: "batches", lose: 3},
		{name: "parcels", parcel: 3, lose: 3},
		{name: "batches, new ones first", fresh: true, lose: 2},
		{name: "parcels, new ones first", parcel: 3, fresh: true, lose: 2},
		{name: "batches, some bad", bad: []string{"3b", "9c"}},
		{name: "parcels, some bad", parcel: 5, lose: 1, bad: []string{"3b", "11"}},
		{name: "batches, bad ones are taken later", bad: []string{"3b", "9c"}, whim: true},
		{name: "parcels, bad ones are taken later", parcel: 5, bad: []string{"3b", "11"}, whim: true},
	} {
		t.Run(r.name, func(t *testing.T) {
			of := sailAndCut(t, r, planOf(r, i))
			t.Log(of)
			sum.add(of)
		})
	}
	t.Log(sum)
	for _, step := range []string{"door", "journal", "seal", "enqueue", "dispatch", "send", "answer", "acknowledge", "ledger", "completion and ledger", "early completion", "upkeep"} {
		assert.Positive(t, sum.steps[step], step)
	}
	assert.Positive(t, sum.seconds)
	assert.Positive(t, sum.again, "what was on the wire when the power was cut comes again")
	assert.Positive(t, sum.whims, "recoveries with a far end that has changed its mind")
}

// plan is how often the power is cut.
type plan struct {
	// every so many points there is a cut, the first at first; each with so many
	// random choices of the sectors that survive.
	every, first, seeds int
	// One of so many recoveries is cut again, at every so many points.
	oneOf, secondEvery int
}

func planOf(r route, number int) plan {
	p := plan{every: 3, first: number, seeds: 2, oneOf: 40, secondEvery: 15}
	if len(r.bad) > 0 { // dead letters are flushed to a real disk, which takes its time
		p.every, p.oneOf = 10, 20
	}
	if long {
		p = plan{every: 1, seeds: 4, oneOf: 30, secondEvery: 5}
	}
	return p
}

// long asks for the long form (make soak).
var long = os.Getenv("MSHIP_LONG") != ""

// sailAndCut sails once with the blade armed, and recovers all that was left.
func sailAndCut(t *testing.T, r route, p plan) *tally {
	t.Helper()
	sum := newTally()
	w := newWorld(r, t.TempDir())
	var left []*world
	synctest.Test(t, func(t *testing.T) {
		b := w.arm(p.every, p.first, p.seeds)
		require.NoError(t, w.voyage(b))
		var err error
		left, err = b.sheathe()
		require.NoError(t, err)
		sum.cuts += b.count(sum.steps)
		sum.judged(w.judge())
	})
	recoverAll(t, left, p, sum)
	for _, problem := range sum.problems[:min(20, len(sum.problems))] {
		t.Error(problem)
	}
	return sum
}

// recoverers is how many recover at the same time: more than there are
// processors, so that flushes of dead letters, which go to a real disk, are shared.
var recoverers = 8 * runtime.GOMAXPROCS(0)

// recoverAll recovers until something is wrong.
func recoverAll(t *testing.T, all []*world, p plan, sum *tally) {
	t.Helper()
	var group sync.WaitGroup
	var number atomic.Int64
	for piece := range slices.Chunk(all, len(all)/recoverers+1) {
		group.Go(func() {
			synctest.Test(t, func(*testing.T) {
				for i, w := range piece {
					if sum.failed() {
						return
					}
					if n := int(number.Add(1)); n%p.oneOf == 0 {
						w.recoverAndCut(p, n, sum)
					} else {
						sum.judged(w.recover(nil))
					}
					piece[i] = nil // its memory is needed
				}
			})
		})
	}
	group.Wait()
}

// recoverAndCut cuts the power of the recovery.
func (w *world) recoverAndCut(p plan, first int, sum *tally) {
	b := w.arm(p.secondEvery, first, 1)
	sum.judged(w.recover(b))
	left, err := b.sheathe()
	if err != nil {
		sum.judged(verdict{problems: []string{w.where + ": " + err.Error()}})
	}
	sum.cutAgain(b)
	for _, second := range left {
		sum.judged(second.recover(nil))
	}
}
