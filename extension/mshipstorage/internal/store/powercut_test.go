package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

func long() bool { return os.Getenv("MSHIP_LONG") != "" }

// script is what is done to a store before and while its power is cut.
type script struct {
	*rig
	steps   int
	filling bool
	// stuck is the first index dispatched: it is never completed.
	stuck     uint64
	dispatchd bool
	// failSync makes the next flushes of a segment fail, as Linux does it.
	failSync atomic.Int32
	quiet    atomic.Bool
}

// run takes all steps. After each the store has come to rest, so that the same
// seed takes the same way.
func (s *script) run() error {
	s.filling = true
	for i := range s.steps {
		if i%40 == 39 {
			s.filling = !s.filling
		}
		if err := s.step(i); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		synctest.Wait()
		if len(s.problems) > 0 {
			return fmt.Errorf("step %d: %s", i, strings.Join(s.problems, "; "))
		}
	}
	return s.close()
}

func (s *script) step(i int) error {
	switch i % 60 {
	case 17:
		idle(2 * rigInterval)
		return nil
	case 23:
		s.damageOne()
		return nil
	case 29, 30:
		s.failSync.Store(int32(i - i/60*60 - 28)) // one flush, or two: then the mending fails too
		return s.bear(s.enqueue())
	case 41:
		return s.forget(12)
	case 47:
		return s.atOnce()
	case 53:
		return s.restart()
	case 57:
		return s.again()
	}
	return s.work()
}

// work is a step of everyday.
func (s *script) work() error {
	n := s.r.IntN(10)
	switch {
	case n == 0:
		return s.setPlain([]string{"x", "yy", "zzz"}[s.r.IntN(3)])
	case s.filling == (n < 7):
		return s.enqueue()
	case len(s.inFlight) < 3 || s.r.IntN(3) == 0:
		s.dispatch()
		if !s.dispatchd {
			s.stuck, s.dispatchd = s.meta.Read-1, true
		}
		return nil
	default:
		return s.completeOne()
	}
}

// completeOne completes any batch that is in flight, but for the one that is stuck.
func (s *script) completeOne() error {
	indexes := slices.Sorted(maps.Keys(s.inFlight))
	indexes = slices.DeleteFunc(indexes, func(i uint64) bool { return i == s.stuck })
	if len(indexes) == 0 {
		return nil
	}
	return s.complete(indexes[s.r.IntN(len(indexes))])
}

// bear takes an error for what it is: the batch is refused, the queue goes on.
func (s *script) bear(err error) error {
	if err != nil && s.failSync.Load() >= 0 && !strings.Contains(err.Error(), errSync.Error()) {
		return err
	}
	s.failSync.Store(0)
	return nil
}

func (s *script) damageOne() {
	s.oracle.mu.Lock()
	var ids []int
	for id, p := range s.oracle.batches {
		if p.least == queued && p.most == queued && !p.damaged && len(batchContent(id)) < 1000 { // quarantine is small
			ids = append(ids, id)
		}
	}
	s.oracle.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	s.quiet.Store(true)
	s.rig.damage(ids[s.r.IntN(len(ids))])
	s.quiet.Store(false)
}

// atOnce has both clients write at the same time.
func (s *script) atOnce() error {
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i, key := range []string{"x", "yy", "zzz"} {
		group.Go(func() { errs[i] = s.setPlain(key) })
	}
	group.Go(func() { errs[3] = s.enqueue() })
	group.Wait()
	return joined(errs)
}

func joined(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// restart closes and opens the store.
func (s *script) restart() error {
	if err := s.close(); err != nil {
		return err
	}
	s.oracle.closed()
	s.stuck, s.dispatchd = 0, false
	return s.open()
}

// again closes and opens the queue alone.
func (s *script) again() error {
	if err := s.queue.Close(background); err != nil {
		return err
	}
	s.stuck, s.dispatchd = 0, false
	return s.openQueue()
}

var errSync = fmt.Errorf("the flush failed")

// fault makes flushes of segments fail, if that is asked for.
func (s *script) fault(c disktest.Change) error {
	if c.Kind == disktest.Sync && strings.HasSuffix(c.Name, ".seg") && s.failSync.Load() > 0 {
		s.failSync.Add(-1)
		return c.Lost(errSync)
	}
	return nil
}

// left is what a power cut left of a disk, and what must be there.
type left struct {
	mem    *disktest.Memory
	oracle *oracle
	where  string
	// again: there is a second cut in the recovery; more: it is used after it.
	again, more bool
}

// cutter cuts the power, and looks at what is left.
type cutter struct {
	// Every so many cuts there is a second one in the recovery, and more work after it.
	second, work int
	seeds        int

	mu       sync.Mutex
	cuts     map[string]int
	recovers int
	problems []string
}

func newCutter() *cutter {
	c := &cutter{second: 150, work: 20, seeds: 1, cuts: map[string]int{}}
	if long() {
		c.second, c.work, c.seeds = 40, 3, 4
	}
	return c
}

// cut is all that may be left at this instant, by a power cut or SIGKILL.
func (c *cutter) cut(mem *disktest.Memory, o *oracle, n int, change disktest.Change) (out []left) {
	c.count(label(change))
	add := func(how string, copied *disktest.Memory) {
		out = append(out, left{
			mem: copied, oracle: o, where: fmt.Sprintf("%s before operation %d, %s", how, n, change),
			again: n%c.second == 0, more: n%c.work == 0,
		})
	}
	add("cut", mem.Crash(nil))
	for i := range c.seeds {
		seed := uint64(n*100 + i)
		add(fmt.Sprintf("torn %d", seed), mem.Crash(rand.New(rand.NewPCG(seed, 3))))
	}
	if long() || n%4 == 0 {
		add("killed", mem.Kill())
	}
	return out
}

func (c *cutter) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts[what]++
}

func (c *cutter) report(where string, problems []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range problems {
		c.problems = append(c.problems, where+": "+p)
	}
	c.recovers++
}

func (c *cutter) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.problems) > 0
}

// check recovers all that is left, until something is wrong.
func (c *cutter) check(all []left) {
	for _, l := range all {
		if c.failed() {
			return
		}
		if l.again {
			c.recoverAndCut(l)
		} else {
			c.recover(l.mem, l.oracle, l.where, l.more)
		}
	}
}

// recover starts a store on what is left and compares it with what must be there.
func (c *cutter) recover(left *disktest.Memory, o *oracle, where string, more bool) {
	g := newRig(left, 1)
	g.oracle = o
	err := g.open()
	if g.store != nil {
		defer g.close() //nolint:errcheck // it has been looked at
	}
	if err != nil {
		c.report(where, []string{err.Error()})
		return
	}
	s, problems := g.look()
	c.report(where, append(problems, o.wrong(s)...))
	if more && len(problems) == 0 {
		c.goOn(g, where)
	}
}

// goOn uses a recovered store, and cuts it again.
func (c *cutter) goOn(g *rig, where string) {
	g.oracle = g.oracle.snapshot()
	g.next = 900_000
	for range 3 {
		if err := g.enqueue(); err != nil {
			c.report(where, []string{"a fresh batch: " + err.Error()})
			return
		}
		g.dispatch()
	}
	for index := range g.inFlight {
		if err := g.complete(index); err != nil {
			c.report(where, []string{"a completion: " + err.Error()})
		}
	}
	c.report(where, g.problems)
	c.recover(g.mem.Crash(nil), g.oracle, where+", and work", false)
	c.recover(g.mem.Crash(g.r), g.oracle, where+", and work, torn", false)
}

// recoverAndCut cuts the power again at every change of the recovery.
func (c *cutter) recoverAndCut(l left) {
	var all []left
	n := 0
	var mu sync.Mutex
	l.mem.OnChange(func(change disktest.Change) error {
		mu.Lock()
		defer mu.Unlock()
		n++
		c.count("again " + change.Kind.String())
		at := fmt.Sprintf("%s, again before %d, %s", l.where, n, change)
		all = append(all, left{mem: l.mem.Crash(nil), oracle: l.oracle, where: at + ", cut"},
			left{mem: l.mem.Crash(rand.New(rand.NewPCG(uint64(n), 5))), oracle: l.oracle, where: at + ", torn"})
		return nil
	})
	g := newRig(l.mem, 1)
	err := g.open()
	if g.store != nil {
		_ = g.close()
	}
	l.mem.OnChange(nil)
	if err != nil {
		c.report(l.where, []string{err.Error()})
	}
	c.check(append(all, left{mem: l.mem, oracle: l.oracle, where: l.where + ", recovered"}))
}

// label names the kind of a change: cuts are counted by it.
func label(c disktest.Change) string {
	of := func(name string) string {
		switch {
		case strings.HasPrefix(name, "quarantine"):
			return "quarantine"
		case strings.Contains(name, "."):
			return name[strings.LastIndex(name, "."):]
		}
		return "directory"
	}
	if c.To != "" {
		return fmt.Sprintf("%s %s to %s", c.Kind, of(c.Name), of(c.To))
	}
	return fmt.Sprintf("%s %s", c.Kind, of(c.Name))
}

func (c *cutter) points() (n int) {
	for _, count := range c.cuts {
		n += count
	}
	return n
}

func (c *cutter) finish(t *testing.T) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(c.cuts)) {
		t.Logf("%6d cuts before %s", c.cuts[what], what)
	}
	t.Logf("%d cut points, %d recoveries", c.points(), c.recovers)
	for _, p := range c.problems[:min(20, len(c.problems))] {
		t.Error(p)
	}
	if len(c.problems) > 20 {
		t.Errorf("… and %d more", len(c.problems)-20)
	}
}

// The power is cut before every change of the disk: what was acknowledged is
// there after it, once and intact, and every Batch wholly or not at all.
func TestThePowerIsCutAtEveryChange(t *testing.T) {
	c := newCutter()
	seeds := 2
	if long() {
		seeds = 12
	}
	for seed := range seeds {
		var all []left
		bubble(t, func(t *testing.T) { all = c.cutAll(t, uint64(seed)) })
		c.checkAll(t, all)
	}
	c.finish(t)
	assert.Greater(t, c.points(), 2000)
	for _, what := range []string{
		"create .seg", "write .seg", "sync .seg", "rename .seg to .free", "rename .free to .seg", "remove .idx",
		"create .idx", "write quarantine", "sync quarantine", "rename quarantine to quarantine", "syncdir quarantine", "syncdir .", "again truncate",
	} {
		assert.Positive(t, c.cuts[what], what)
	}
}

// cutAll runs the script, and gives what is left at every change.
func (c *cutter) cutAll(t *testing.T, seed uint64) (all []left) {
	mem := disktest.New()
	s := &script{rig: newRig(mem, seed), steps: 240}
	n := 0
	var mu sync.Mutex
	mem.OnChange(func(change disktest.Change) error {
		if s.quiet.Load() {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		all = append(all, c.cut(mem, s.oracle.snapshot(), n, change)...)
		return s.fault(change)
	})
	mustOpen(t, s.rig)
	if err := s.run(); err != nil {
		_ = s.close()
		require.NoError(t, err)
	}
	mem.OnChange(nil)
	return all
}

// checkAll checks them on all processors.
func (c *cutter) checkAll(t *testing.T, all []left) {
	t.Helper()
	var group sync.WaitGroup
	for piece := range slices.Chunk(all, len(all)/runtime.GOMAXPROCS(0)+1) {
		group.Go(func() { bubble(t, func(*testing.T) { c.check(piece) }) })
	}
	group.Wait()
}

// The disk fails, from one change on for good and that one torn, while the
// store goes on; then the power is cut. No word that was given meanwhile is broken.
func TestTheDiskFailsFromAChangeOn(t *testing.T) {
	c := newCutter()
	stride := 17
	if long() {
		stride = 1
	}
	var all []left
	for n := 1; ; n += stride {
		failed := false
		bubble(t, func(t *testing.T) {
			var some []left
			some, failed = c.failFrom(t, n)
			all = append(all, some...)
		})
		if !failed {
			break
		}
	}
	c.checkAll(t, all)
	c.finish(t)
}

// failFrom runs the script on a disk that fails from its nth change on. failed:
// the script was long enough.
func (c *cutter) failFrom(t *testing.T, n int) (out []left, failed bool) {
	mem := disktest.New()
	s := &script{rig: newRig(mem, uint64(n)), steps: 240}
	var changes atomic.Int64
	mem.OnChange(func(change disktest.Change) error {
		switch i := changes.Add(1); {
		case s.quiet.Load():
			return nil
		case i < int64(n):
			return s.fault(change)
		case i == int64(n):
			c.count(label(change))
			return change.Torn(s.tornAt(n, change), errCut)
		case change.Kind == disktest.Sync && n%2 == 0:
			return change.Lost(errCut)
		}
		return errCut
	})
	err := s.open()
	if err == nil {
		err = s.run()
	}
	failed = changes.Load() >= int64(n)
	if failed {
		for i := range 8 {
			_ = s.step(i)
			synctest.Wait()
		}
		idle(2 * rigInterval)
	} else if !assert.NoError(t, err) {
		failed = false
	}
	out = c.copiesOf(mem, s.oracle.snapshot(), n)
	if s.store != nil {
		_ = s.close()
	}
	return append(out, c.copiesOf(mem, s.oracle.snapshot(), n)...), failed
}

// tornAt is often at the end of the record, before the mark behind it.
func (*script) tornAt(n int, change disktest.Change) int {
	if n%3 == 0 {
		return int(max(0, change.Length-32))
	}
	return n * 31 % int(change.Length+1)
}

func (c *cutter) copiesOf(mem *disktest.Memory, o *oracle, n int) (out []left) {
	add := func(how string, copied *disktest.Memory) {
		out = append(out, left{mem: copied, oracle: o, where: fmt.Sprintf("failed from %d on, %s", n, how), more: true})
	}
	add("cut", mem.Crash(nil))
	add("torn", mem.Crash(rand.New(rand.NewPCG(uint64(n), 11))))
	add("killed", mem.Kill())
	return out
}
