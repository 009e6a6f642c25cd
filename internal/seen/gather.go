package seen

import (
	"runtime"
	"time"
)

// gatherMost is the longest that a group is held open for others. Only on a busy
// machine does it take so long, where it is little beside what a caller waits for
// a processor.
const gatherMost = 10 * time.Millisecond

// gather returns when nobody who is ready to run has a key to add to the group.
//
// A quick disk ends a write before a handful of callers come, so on a busy
// machine nearly every key would pay for a write of its own: with CPU that the
// callers lack, and with a processor that stands still until the scheduler sees
// that its thread waits for the disk. So who is ready runs first. Where a
// processor is idle nobody is ready, and the group is written at once.
func (s *Set) gather() {
	s.mu.RLock()
	g, failing := s.group, s.disk.failing
	s.mu.RUnlock()
	if g == nil || failing != nil {
		return // a storage that refuses everything costs nobody any time
	}
	quiet := make(chan struct{})
	s.scouts.Go(func() {
		s.giveWay(g)
		close(quiet)
	})
	// One turn of all who are ready can take much longer than they are to wait.
	late := time.NewTimer(gatherMost)
	defer late.Stop()
	select {
	case <-quiet:
	case <-late.C:
	}
}

// giveWay lets others run until the group no longer grows by it.
func (s *Set) giveWay(g *group) {
	for before, keys := 0, s.gathered(g); keys > before; keys = s.gathered(g) {
		before = keys
		runtime.Gosched()
	}
}

// gathered is how many keys the group has, none once it is being written.
func (s *Set) gathered(g *group) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.group != g {
		return 0
	}
	return len(g.keys)
}
