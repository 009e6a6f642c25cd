package voyage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

// blade cuts the power of a ship that sails: at a cut point it copies what would
// be left of the world. The ship itself sails on. A nil blade cuts nothing.
type blade struct {
	world *world
	// every so many points there is a cut, the first at the point first.
	every, first int
	// seeds is how many random choices of surviving sectors there are for each cut.
	seeds int

	mu sync.Mutex
	// under are the steps that are under way.
	under  []string
	points int
	// cuts in all, and by the step in which they were.
	cuts  int
	steps map[string]int
	left  []*world
	err   error
}

// arm has the blade hear of every change of the disk.
func (w *world) arm(every, first, seeds int) *blade {
	b := &blade{world: w, every: every, first: first % every, seeds: seeds, steps: map[string]int{}}
	w.disk.OnChange(func(c disktest.Change) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pass(c.String(), b.under)
		return nil
	})
	return b
}

// point is one at which no change of the disk is about to happen.
func (b *blade) point(step string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(step, []string{step})
}

// begin says that a step is under way until it has ended.
func (b *blade) begin(step string) (ended func()) {
	if b == nil {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass("begin of "+step, []string{step})
	b.under = append(b.under, step)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		i := slices.Index(b.under, step)
		b.under = slices.Delete(slices.Clone(b.under), i, i+1)
		b.pass("end of "+step, []string{step})
	}
}

// pass needs the lock, so that meanwhile no change of the disk begins: what was
// acknowledged and delivered is copied first, what the disk has after that is
// at least what it had then.
func (b *blade) pass(what string, steps []string) {
	b.points++
	if b.points%b.every != b.first || b.err != nil {
		return
	}
	if len(steps) == 0 {
		steps = []string{"upkeep"}
	}
	b.cuts++
	for _, step := range steps {
		b.steps[step]++
	}
	where := fmt.Sprintf("%s, cut at point %d, %s (%s)", b.world.where, b.points, what, strings.Join(steps, ", "))
	shore, err := b.world.shore()
	if err != nil {
		b.err = err
		return
	}
	disk := b.world.disk
	b.left = append(b.left, shore.with(disk.Crash(nil), where+", nothing else survives"))
	for i := range b.seeds {
		seed := uint64(b.points*100 + i)
		b.left = append(b.left, shore.with(disk.Crash(rand.New(rand.NewPCG(seed, 1))), fmt.Sprintf("%s, sectors survive by seed %d", where, seed)))
	}
	if b.cuts%4 == 0 {
		b.left = append(b.left, shore.with(disk.Kill(), where+", killed"))
	}
}

// count adds the cuts by steps, and gives how many there were.
func (b *blade) count(steps map[string]int) (cuts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for step, n := range b.steps {
		steps[step] += n
	}
	return b.cuts
}

// sheathe ends the cutting, and gives what was left at each cut.
func (b *blade) sheathe() ([]*world, error) {
	b.world.disk.OnChange(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left, b.err
}
