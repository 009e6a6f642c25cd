package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

func TestDepthIsRightThroughWorkAndRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 3, none)
		for n := range 10 {
			require.NoError(t, r.offer(n))
			assert.Equal(t, sizeOf(int64(n+1)), r.depth.Size())
		}
		synctest.Wait()
		assert.Equal(t, sizeOf(10), r.depth.Size(), "what is in flight is queued yet")
		r.takesFromNow(func(n int) bool { return n == 1 })
		time.Sleep(2 * time.Second)
		assert.Equal(t, sizeOf(9), r.depth.Size())
		r.stop()

		r = newRig(t, disk, 3, none)
		synctest.Wait()
		assert.Equal(t, sizeOf(9), r.depth.Size())
		r.takesFromNow(all)
		time.Sleep(2 * time.Second)
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
		assert.Zero(t, disk.Open())
	})
}

// What was in flight at the end of a run comes first in the next one, in
// order, also where items between were delivered long ago.
func TestInFlightComesBackToTheFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		stuck := map[int]bool{0: true, 4: true, 15: true}
		r := newRig(t, disk, 4, func(n int) bool { return !stuck[n] && n < 20 })
		for n := range 30 {
			require.NoError(t, r.offer(n))
		}
		synctest.Wait()
		assert.Equal(t, sizeOf(13), r.depth.Size())
		r.stop()

		r = newRig(t, disk, 1, all)
		time.Sleep(time.Second)
		want := []int{0, 4, 15}
		for n := 20; n < 30; n++ {
			want = append(want, n)
		}
		assert.Equal(t, want, r.delivered())
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

var errCut = errors.New("the power is cut")

// TestAPowerCutAtEveryCallLosesNothing cuts a run at each of its calls to the
// storage, and the run after it again at each of its own.
func TestAPowerCutAtEveryCallLosesNothing(t *testing.T) {
	cuts := 0
	for first := 0; ; first++ {
		disk, acked, delivered, done := run(t, storagetest.New(), first, 8)
		for second := 0; ; second++ {
			cuts++
			after, more, again, drained := run(t, disk.Copy(), second, 2)
			rest, _, last, _ := run(t, after.Copy(), 1000, 0)
			assert.Empty(t, rest.Items(), "cuts at calls %d and %d", first, second)
			got := slices.Concat(delivered, again, last)
			for _, n := range slices.Concat(acked, more) {
				assert.Contains(t, got, n, "cuts at calls %d and %d", first, second)
			}
			if drained || t.Failed() {
				break
			}
		}
		if done || t.Failed() {
			t.Logf("%d pairs of cuts", cuts)
			return
		}
	}
}

// run works on the disk until its power is cut after so many calls: it offers
// items, of which the far end takes two thirds. whole says that it came to its end.
func run(t *testing.T, disk *storagetest.Storage, calls, offers int) (after *storagetest.Storage, acked, delivered []int, whole bool) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(n int) bool { return n%3 != 0 }
		if offers == 0 {
			takes = all
		}
		r := newRig(t, disk, 3, takes)
		left := calls
		disk.Fail(func([]*storage.Operation) error {
			if left--; left < 0 {
				return errCut
			}
			return nil
		})
		for n := range offers {
			n += 100 * offers // other numbers than the run before
			if r.offer(n) == nil {
				acked = append(acked, n)
			}
		}
		time.Sleep(3 * time.Second)
		delivered = r.delivered()
		after = disk.Copy() // before the shutdown: a power cut has none
		whole = left >= 0
		_ = r.exporter.Shutdown(context.Background())
	})
	return after, acked, delivered, whole
}

func TestAReadThatFailsForAMomentLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 3, all)
		n := 0
		disk.Fail(func(ops []*storage.Operation) error {
			if !reads(ops) {
				return nil
			}
			if n++; n%4 != 0 {
				return errors.New("input/output error")
			}
			return nil
		})
		for n := range 20 {
			require.NoError(t, r.offer(n))
		}
		time.Sleep(10 * time.Second)
		assert.Len(t, r.delivered(), 20)
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

// A batch that cannot be read at all stays in the storage, where exporterhelper
// would delete it, and is delivered by the next run that can read it.
func TestABatchThatCannotBeReadStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 1, all)
		disk.Fail(func(ops []*storage.Operation) error {
			for _, op := range only(ops, storage.Get) {
				if op.Key == "1" {
					return errors.New("input/output error")
				}
			}
			return nil
		})
		for n := range 3 {
			require.NoError(t, r.offer(n))
		}
		time.Sleep(5 * time.Second)
		assert.Equal(t, []int{0, 2}, r.delivered())
		assert.Equal(t, sizeOf(1), r.depth.Size())
		require.NoError(t, r.offer(3))
		time.Sleep(time.Second)
		r.stop()
		assert.Len(t, disk.Items(), 1)

		disk.Fail(nil)
		r = newRig(t, disk, 1, all)
		time.Sleep(time.Second)
		assert.Equal(t, []int{1}, r.delivered())
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

type damaged struct{ error }

func (damaged) DamagedBytes() int64 { return itemBytes }

// A storage that has put a damaged item aside has no use for another try, and the item is queued no more.
func TestADamagedBatchLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 1, none)
		asked := 0
		disk.Fail(func(ops []*storage.Operation) error {
			for _, op := range only(ops, storage.Get) {
				if op.Key == "1" {
					asked++
					return fmt.Errorf("batch: %w", damaged{errors.New("wrong checksum")})
				}
			}
			return nil
		})
		for n := range 3 {
			require.NoError(t, r.offer(n))
		}
		synctest.Wait()
		r.takesFromNow(func(n int) bool { return n != 2 })
		time.Sleep(5 * time.Second)
		assert.Equal(t, []int{0}, r.delivered())
		assert.Equal(t, 1, asked)
		assert.Equal(t, Size{Batches: 1, Records: 2 * itemRecords, Bytes: itemBytes}, r.depth.Size(), "how many records it had, nobody knows until the queue is empty")
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

// What vanished from the storage was counted when it came in; what never came in was not.
func TestWhatIsNotThereIsNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 1, none)
		require.NoError(t, r.offer(0))
		disk.Fail(storagetest.Full)
		require.Error(t, r.offer(1))
		disk.Fail(nil)
		require.NoError(t, r.offer(2))
		require.NoError(t, r.offer(3))
		disk.Lose("2")
		assert.Equal(t, sizeOf(3), r.depth.Size())
		r.takesFromNow(func(n int) bool { return n == 0 })
		time.Sleep(5 * time.Second)
		assert.Equal(t, int64(1), r.depth.Size().Batches)
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		assert.Equal(t, []int{0, 3}, r.delivered())
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
	})
}

// On a full disk nothing can be written, the queue's metadata included, but
// all that is there is delivered, and forgotten as soon as it can be.
func TestAFullDiskDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 3, none)
		for n := range 10 {
			require.NoError(t, r.offer(n))
		}
		synctest.Wait()
		disk.Fail(storagetest.Full)
		require.ErrorIs(t, r.offer(10), storage.ErrStorageFull)
		assert.Equal(t, sizeOf(10), r.depth.Size(), "what was refused is not queued")
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		assert.ElementsMatch(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, r.delivered())
		assert.Equal(t, Size{}, r.depth.Size())

		disk.Fail(nil)
		require.NoError(t, r.offer(11))
		time.Sleep(time.Second)
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

// Where not even deletes work, they are done with the first write that does.
func TestDeletesThatFailAreNotForgotten(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"with the next write": func(r *rig) {
			require.NoError(r.t, r.offer(9))
			time.Sleep(time.Second)
		},
		"with the end": func(*rig) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := storagetest.New()
				r := newRig(t, disk, 2, none)
				for n := range 4 {
					require.NoError(t, r.offer(n))
				}
				synctest.Wait()
				disk.Fail(func(ops []*storage.Operation) error {
					if len(only(ops, storage.Get)) == len(ops) {
						return nil
					}
					return errors.New("read-only file system")
				})
				r.takesFromNow(all)
				time.Sleep(5 * time.Second)
				assert.Len(t, r.delivered(), 4)
				disk.Fail(nil)
				end(r)
				r.stop()
				assert.Empty(t, disk.Items())
			})
		})
	}
}

func TestTheAgentStartsOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 3, none)
		for n := range 6 {
			require.NoError(t, r.offer(n))
		}
		synctest.Wait()
		r.stop()
		disk.Fail(storagetest.Full)
		r = newRig(t, disk, 3, none)
		assert.Equal(t, sizeOf(6), r.depth.Size())
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		assert.ElementsMatch(t, []int{0, 1, 2, 3, 4, 5}, r.delivered())
		r.stop()
	})
}

func TestHostNamesWhatIsWrong(t *testing.T) {
	plain := component.MustNewID("health_check")
	h := &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{
		plain: struct {
			component.StartFunc
			component.ShutdownFunc
		}{},
	}}
	_, err := Guard{Storage: storagetest.ID}.Host(h)
	assert.EqualError(t, err, `sending_queue::storage: there is no extension "file_storage"; define it under extensions and list it under service::extensions`)
	_, err = Guard{Storage: plain}.Host(h)
	assert.EqualError(t, err, `sending_queue::storage: extension "health_check" cannot store anything; name a storage extension such as mship_storage`)
}

func ExampleDepth() {
	d := NewDepth()
	d.Add(Size{Batches: 2, Records: 20, Bytes: 2000})
	d.Remove(Size{Batches: 1, Records: 10, Bytes: 900})
	fmt.Println(d.Size())
	d.Remove(Size{Batches: 1})
	fmt.Println(d.Size())
	// Output:
	// {1 10 1100}
	// {0 0 0}
}
