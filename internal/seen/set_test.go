package seen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const defaultWindow = 24 * time.Hour

func TestRemembers(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]storage.Client{"memory": nil, "storage": newMemory()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, client)
			requireHas(t, s, false, some(0, 10)...)
			require.NoError(t, s.Add(t.Context(), some(0, 5)...))
			require.NoError(t, s.Add(t.Context(), some(3, 5)...), "again")
			requireHas(t, s, true, some(0, 5)...)
			requireHas(t, s, false, some(5, 10)...)
			assert.Equal(t, Stats{Keys: 5}, s.Stats())
			shut(t, s)
			require.Error(t, s.Add(t.Context(), some(5, 6)...))
		})
	}
}

func TestPartsOfAKeyDoNotRunTogether(t *testing.T) {
	t.Parallel()
	assert.NotEqual(t, KeyOf("ab", ""), KeyOf("a", "b"))
	assert.NotEqual(t, KeyOf("a", "b"), KeyOf("a\x01b"))
	assert.NotEqual(t, KeyOf("/v1/logs", "1"), KeyOf("/v1/metrics", "1"))
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Settings{
		"window":   {Window: time.Millisecond, MaxKeys: 1},
		"no keys":  {Window: time.Hour},
		"too many": {Window: time.Hour, MaxKeys: mostKeys + 1},
	} {
		_, err := Open(t.Context(), nil, cfg)
		assert.Error(t, err, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, newMemory(), Settings{Window: time.Hour, MaxKeys: 1})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestSurvivesARestart(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, fanIn - 1, fanIn, 5000} {
		disk := newMemory()
		s := open(t, disk)
		for i := range n {
			require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
			if i%997 == 0 {
				requireHas(t, open(t, disk.cut()), true, some(0, i+1)...)
			}
		}
		killed := open(t, disk.cut())
		requireHas(t, killed, true, some(0, n)...)
		shut(t, s)
		again := open(t, disk)
		requireHas(t, again, true, some(0, n)...)
		requireHas(t, again, false, some(n, n+100)...)
		require.Equal(t, Stats{Keys: n}, again.Stats())
	}
}

// What Add has acknowledged is there after a kill at any moment later.
func TestEveryCutHasWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	disk := newMemory()
	var acknowledged atomic.Int64
	disk.look(func(ops []*storage.Operation) {
		if n := int(acknowledged.Load()); sets(ops) && n%7 == 0 {
			requireHas(t, open(t, disk.cut()), true, some(0, n)...)
		}
	})
	s := open(t, disk)
	for i := range fanIn * 3 {
		require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
		acknowledged.Store(int64(i + 1))
	}
}

// sync waits until the set's own work is done.
func (s *Set) sync() { g, _ := s.join(nil); <-g.done }

func TestTheNumberOfValuesIsBounded(t *testing.T) {
	t.Parallel()
	const n = 3 * fanIn * fanIn
	disk := newMemory()
	s := open(t, disk)
	most := 0
	for i := range n {
		require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
		values, _ := disk.count()
		most = max(most, values)
	}
	t.Log("keys", n, "values at most", most)
	assert.Less(t, most, 2*fanIn+n/fanIn/fanIn+5)
	shut(t, s)
	requireHas(t, open(t, disk), true, some(0, n)...)
}

func TestCallersShareABatch(t *testing.T) {
	t.Parallel()
	const callers = 500
	disk, entered, gate := newMemory(), make(chan struct{}, 100), make(chan struct{})
	s := open(t, disk)
	release := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release) // before the set is closed, which waits for its writes
	disk.look(func([]*storage.Operation) { entered <- struct{}{}; <-gate })
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, s.Add(t.Context(), some(0, 1)...)) })
	<-entered
	for i := 1; i < callers; i++ {
		all.Go(func() { assert.NoError(t, s.Add(t.Context(), some(i, i+1)...)) })
	}
	require.Eventually(t, func() bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.group != nil && len(s.group.keys) == callers-1
	}, time.Minute, time.Millisecond)
	release()
	all.Wait()
	_, batches := disk.count()
	assert.Equal(t, 2, batches)
	requireHas(t, s, true, some(0, callers)...)
}

func TestNotRememberedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	disk, entered, gate := newMemory(), make(chan struct{}, 100), make(chan struct{})
	s := open(t, disk)
	disk.look(func([]*storage.Operation) { entered <- struct{}{}; <-gate })
	added := make(chan error)
	go func() { added <- s.Add(t.Context(), some(0, 1)...) }()
	<-entered
	requireHas(t, s, false, some(0, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Add(ctx, some(1, 2)...), context.Canceled, "its caller does not wait")
	close(gate)
	require.NoError(t, <-added)
	s.sync()
	requireHas(t, s, true, some(0, 2)...)
}

func TestTheOldestGoWhenThereAreTooMany(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]storage.Client{"memory": nil, "storage": newMemory()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			few := func(cfg *Settings) { cfg.MaxKeys = 1000 }
			s := open(t, client, few)
			for i := range 3000 {
				require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
			}
			requireHas(t, s, false, some(0, 2000)...)
			requireHas(t, s, true, some(2000, 3000)...)
			assert.Equal(t, Stats{Keys: 1000, Evicted: 2000}, s.Stats())
			require.NoError(t, s.Add(t.Context(), some(0, 5000)...), "more than there is room for")
			requireHas(t, s, true, some(4000, 5000)...)
			if client == nil {
				return
			}
			shut(t, s)
			again := open(t, client, few)
			requireHas(t, again, true, some(4000, 5000)...)
			assert.Equal(t, 1000, again.Stats().Keys)
		})
	}
}

func TestForgetsAfterTheWindow(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			disk := newMemory()
			var client storage.Client
			if stored {
				client = disk
			}
			s := open(t, client)
			for i := range 48 {
				require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
				time.Sleep(30 * time.Minute)
			}
			requireHas(t, s, true, some(0, 48)...)
			for i := range 48 {
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				requireHas(t, s, true, some(i+1, 48)...)
				requireHas(t, s, false, some(0, max(0, i-4))...)
			}
			time.Sleep(3 * time.Hour)
			synctest.Wait()
			assert.Equal(t, Stats{}, s.Stats(), "not counted as evicted")
			values, _ := disk.count()
			assert.LessOrEqual(t, values, 2, "the heads")
			shut(t, s)
		})
	}
}

// The time that a set was open counts over restarts, the time in between does not.
func TestAgesOverRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		require.NoError(t, s.Add(t.Context(), some(0, 1)...))
		for range 4 {
			time.Sleep(5 * time.Hour)
			shut(t, s)
			time.Sleep(10 * 365 * 24 * time.Hour)
			s = open(t, disk)
			requireHas(t, s, true, some(0, 1)...)
		}
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		requireHas(t, s, false, some(0, 1)...)
		shut(t, s)
		requireHas(t, open(t, disk), false, some(0, 1)...)
		shut(t, s)
	})
}

func TestAFullStorageFailsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		require.NoError(t, s.Add(t.Context(), some(0, 10)...))
		disk.refuseWith(full)
		_, before := disk.count()
		for i := 10; i < 3000; i++ {
			err := s.Add(t.Context(), some(i, i+1)...)
			require.ErrorIs(t, err, ErrUnstored)
			require.ErrorIs(t, err, storage.ErrStorageFull)
		}
		requireHas(t, s, true, some(0, 3000)...)
		assert.Equal(t, Stats{Keys: 3000, Unstored: 2990}, s.Stats())
		requireHas(t, open(t, disk.cut()), false, some(10, 3000)...)
		_, after := disk.count()
		assert.Equal(t, before, after)

		disk.refuseWith(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		again := open(t, disk.cut())
		requireHas(t, again, true, some(0, 3000)...)
		require.NoError(t, s.Add(t.Context(), some(3000, 3001)...))
		shut(t, again)
		shut(t, s)
	})
}

func TestExpiryNeedsNoSpace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		for i := range 100 {
			require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
		}
		disk.refuseWith(full)
		time.Sleep(27 * time.Hour)
		synctest.Wait()
		assert.Zero(t, s.Stats().Keys)
		values, _ := disk.count()
		assert.LessOrEqual(t, values, 2, "the heads")
		shut(t, s)
	})
}

// A storage that says no may have done it all the same.
func TestALyingStorageLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		disk.lie = true
		s := open(t, disk)
		n := 0
		for round := range 200 {
			disk.refuseWith(func(ops []*storage.Operation) error {
				if round%3 == 0 && sets(ops) {
					return errors.New("who knows")
				}
				return nil
			})
			for range 5 {
				_ = s.Add(t.Context(), some(n, n+1)...)
				n++
			}
			disk.refuseWith(nil)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			killed := open(t, disk.cut())
			requireHas(t, killed, true, some(0, n)...)
			shut(t, killed)
		}
		shut(t, s)
	})
}
