package seen

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// deliver does a Batch of its own that has keys of the set in it.
func deliver(ctx context.Context, t testing.TB, s *Set, disk *memory, item string, keys ...Key) error {
	t.Helper()
	st := s.Stage(ctx, keys...)
	err := disk.Batch(ctx, append(st.Operations, storage.SetOperation(item, nil))...)
	st.Done(err)
	return err
}

func TestStagedKeysAreInTheCallersBatch(t *testing.T) {
	t.Parallel()
	disk := newMemory()
	s := open(t, disk)
	const n = 5 * reserveStep
	for i := range n {
		st := s.Stage(t.Context(), some(i, i+1)...)
		require.Len(t, st.Operations, 1, "key %d", i)
		requireHas(t, s, false, some(i, i+1)...)
		requireHas(t, open(t, disk.cut()), false, some(i, i+1)...)
		require.NoError(t, disk.Batch(t.Context(), st.Operations...))
		if i%50 == 0 {
			killed := open(t, disk.cut())
			requireHas(t, killed, true, some(0, i+1)...)
		}
		st.Done(nil)
		requireHas(t, s, true, some(i, i+1)...)
	}
	values, _ := disk.count()
	t.Log("values", values)
	require.NoError(t, s.Add(t.Context(), some(n, n+1)...))
	shut(t, s)
	requireHas(t, open(t, disk), true, some(0, n+1)...)
}

// Many callers at one time, some of whose Batches fail.
func TestStagingSideBySide(t *testing.T) {
	t.Parallel()
	disk := newMemory()
	s := open(t, disk)
	const callers, each = 8, 200
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c * each; i < (c+1)*each; i++ {
				switch i % 5 {
				case 0:
					assert.NoError(t, s.Add(t.Context(), some(i, i+1)...))
				case 1:
					s.Stage(t.Context(), some(i, i+1)...).Done(errors.New("no"))
				default:
					assert.NoError(t, deliver(t.Context(), t, s, disk, "item", some(i, i+1)...))
				}
			}
		})
	}
	all.Wait()
	requireHas(t, s, true, some(0, callers*each)...)
	require.NoError(t, s.Close(t.Context()))
	requireHas(t, open(t, disk), true, some(0, callers*each)...)
}

func TestAFailedBatchOfACallerIsMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		require.NoError(t, deliver(t.Context(), t, s, disk, "a", some(0, 1)...))
		disk.refuseWith(func([]*storage.Operation) error { return errDisk })
		require.Error(t, deliver(t.Context(), t, s, disk, "b", some(1, 2)...))
		requireHas(t, s, true, some(0, 2)...)
		assert.EqualValues(t, 1, s.Stats().Unstored)
		disk.refuseWith(nil)
		time.Sleep(2 * retryEvery)
		synctest.Wait()
		killed := open(t, disk.cut())
		requireHas(t, killed, true, some(0, 2)...)
		shut(t, killed)
		shut(t, s)
	})
}

// A storage that is full must not make the caller's Batch fail with keys.
func TestNothingIsStagedWhileTheStorageFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		s := open(t, disk)
		require.NoError(t, s.Add(t.Context(), some(0, 1)...))
		disk.refuseWith(full)
		require.Error(t, s.Add(t.Context(), some(1, 2)...))
		st := s.Stage(t.Context(), some(2, 3)...)
		assert.Empty(t, st.Operations)
		st.Done(nil)
		requireHas(t, s, true, some(0, 3)...)
		disk.refuseWith(nil)
		time.Sleep(2 * retryEvery)
		synctest.Wait()
		assert.Len(t, s.Stage(t.Context(), some(3, 4)...).Operations, 1)
		killed := open(t, disk.cut())
		requireHas(t, killed, true, some(0, 3)...)
		shut(t, killed)
		shut(t, s)
	})
}

func TestStagingInMemoryAndAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	st := s.Stage(t.Context(), some(0, 1)...)
	assert.Empty(t, st.Operations)
	st.Done(nil)
	requireHas(t, s, true, some(0, 1)...)

	disk := newMemory()
	s = open(t, disk)
	shut(t, s)
	st = s.Stage(t.Context(), some(0, 1)...)
	assert.Empty(t, st.Operations)
	st.Done(nil)
	requireHas(t, s, true, some(0, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = open(t, newMemory())
	st = s.Stage(ctx, some(0, 1)...)
	st.Done(nil)
	requireHas(t, s, true, some(0, 1)...)
}
