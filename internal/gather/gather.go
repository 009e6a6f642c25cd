// Package gather holds a group open for others who are ready to run: they share its write.
//
// A quick disk ends a write before a handful of callers come, so on a busy
// machine nearly every one would pay for a write of its own: with CPU that the
// others lack, and with a processor that stands still until the scheduler sees
// that its thread waits for the disk. So who is ready runs first. Where a
// processor is idle nobody is ready, and the group is written at once.
package gather

import (
	"runtime"
	"sync"
	"time"
)

// Most is the longest that a group is held open. Only on a busy machine does it take
// so long, where it is little beside what a caller waits for a processor.
const Most = 10 * time.Millisecond

// Wait returns when nobody who is ready to run makes the group larger, or after
// [Most]. size is how large the group is now, 0 once it is closed; it is called
// from another goroutine too, which is one of the scouts and ends soon after the group is closed.
func Wait(scouts *sync.WaitGroup, size func() int) {
	if size() == 0 {
		return
	}
	quiet := make(chan struct{})
	scouts.Go(func() {
		giveWay(size)
		close(quiet)
	})
	// One turn of all who are ready can take much longer than they are to wait.
	late := time.NewTimer(Most)
	defer late.Stop()
	select {
	case <-quiet:
	case <-late.C:
	}
}

// giveWay lets others run until the group no longer grows by it.
func giveWay(size func() int) {
	for before, now := 0, size(); now > before; now = size() {
		before = now
		runtime.Gosched()
	}
}
