package seen

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// On a busy machine the disk is not what callers wait for: they wait for a processor.
func TestWhoIsReadySharesABatch(t *testing.T) { //nolint:paralleltest // it has one processor
	const callers = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() { assert.NoError(t, s.Add(t.Context(), some(i, i+1)...)) })
		}
		all.Wait()
		_, batches := disk.count()
		assert.Less(t, batches, callers/50)
		requireHas(t, s, true, some(0, callers)...)
		shut(t, s)
	})
}

// A stream of callers that does not end holds nobody up for good.
func TestAGroupIsNotHeldOpenForEver(t *testing.T) { //nolint:paralleltest // it has one processor
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := open(t, newMemory())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			for always := true; always; {
				assert.ErrorIs(t, s.Add(gone, some(1, 2)...), context.Canceled)
				runtime.Gosched()
				select {
				case <-stop:
					always = false
				default:
				}
			}
		})
	}
	assert.NoError(t, s.Add(t.Context(), some(0, 1)...))
	close(stop)
	all.Wait()
	requireHas(t, s, true, some(0, 1)...)
}
