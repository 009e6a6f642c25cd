package gather

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhoIsReadyComesIn(t *testing.T) { //nolint:paralleltest // it has one processor
	const callers = 100
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) { // no 10 ms pass
		var size atomic.Int64
		size.Store(1)
		var all, scouts sync.WaitGroup
		for range callers {
			all.Go(func() { size.Add(1) })
		}
		Wait(&scouts, func() int { return int(size.Load()) })
		assert.EqualValues(t, 1+callers, size.Load())
		all.Wait()
		scouts.Wait()
	})
}

func TestAGroupThatIsClosedIsNotHeldOpen(t *testing.T) {
	t.Parallel()
	asked := 0
	Wait(nil, func() int { asked++; return 0 })
	assert.Equal(t, 1, asked)
}

// Who keep coming hold nobody up for good, and the scout goes when the group is closed.
func TestAGroupThatGrowsAlways(t *testing.T) {
	t.Parallel()
	var size atomic.Int64
	var closed atomic.Bool
	var scouts sync.WaitGroup
	begun := time.Now()
	Wait(&scouts, func() int {
		if closed.Load() {
			return 0
		}
		return int(size.Add(1))
	})
	assert.GreaterOrEqual(t, time.Since(begun), Most)
	closed.Store(true)
	scouts.Wait()
}
