package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// half gives new items, younger than 3 s, half of the wire.
func half(g *Guard) { g.Fresh = Fresh{Share: 0.5, For: 3 * time.Second} }

// backlog offers 0 to old-1, has them grow old, then offers young more. Tries
// are at full seconds, and what follows is between them.
func backlog(t *testing.T, r *rig, old, young int) {
	t.Helper()
	for n := range old {
		require.NoError(t, r.offer(n))
		synctest.Wait() // whoever is idle takes the first
	}
	time.Sleep(4*time.Second + time.Second/2)
	for n := range young {
		require.NoError(t, r.offer(old+n))
	}
	synctest.Wait()
}

// cut the power: at a shutdown, consumers go on to read for a moment.
func cut(r *rig, disk *storagetest.Storage) (after *storagetest.Storage) {
	after = disk.Copy()
	r.stop()
	return after
}

func stored(t *testing.T, disk *storagetest.Storage) queuemetadata.Metadata {
	t.Helper()
	m, err := queuemetadata.Parse(disk.Value(queuemetadata.Key))
	require.NoError(t, err)
	return m
}

func TestNewItemsGoBesideOldOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		var early atomic.Int64
		r := newRig(t, disk, 1, none, half, func(g *Guard) { g.Early = func() { early.Add(1) } })
		backlog(t, r, 5, 3)
		r.takesFromNow(all)
		time.Sleep(2 * time.Second)
		assert.Equal(t, int64(3), early.Load())
		assert.Equal(t, []int{0, 7, 1, 6, 2, 5, 3, 4}, r.delivered(), "0 had its turn before")
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
		assert.Equal(t, queuemetadata.Metadata{Read: 8, Write: 8}, stored(t, disk))
	})
}

// The disk holds a queue like any other: the next run has all that was not
// delivered, in order, with this or without it.
func TestARestartInTheMiddleOfABacklog(t *testing.T) {
	for name, next := range map[string]func(*Guard){"fresh first": half, "off since": func(*Guard) {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := storagetest.New()
				r := newRig(t, disk, 3, none, half)
				backlog(t, r, 10, 6) // 0, 1, 2 are in flight
				r.takesFromNow(func(n int) bool { return n == 0 || n >= 12 })
				time.Sleep(time.Second) // two of the three consumers hold 1 and 2
				assert.Equal(t, []int{0, 15}, r.delivered())
				r.takesFromNow(func(n int) bool { return n == 0 || n == 3 || n >= 12 })
				time.Sleep(time.Second)
				assert.Equal(t, []int{0, 15, 3, 14}, r.delivered())
				assert.Equal(t, sizeOf(12), r.depth.Size())
				disk = cut(r, disk)
				m := stored(t, disk)
				assert.Equal(t, uint64(5), m.Read)
				assert.ElementsMatch(t, []uint64{1, 2, 4}, m.Dispatched)

				r = newRig(t, disk, 1, none, next)
				assert.Equal(t, Size{Batches: 14, Records: 12 * itemRecords, Bytes: 12 * itemBytes}, r.depth.Size(), "what left before its turn is found missing when it has one")
				synctest.Wait()
				r.takesFromNow(all)
				time.Sleep(2 * time.Second)
				assert.Equal(t, []int{1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, r.delivered())
				assert.Equal(t, Size{}, r.depth.Size())
				require.NoError(t, r.offer(16))
				time.Sleep(time.Second)
				r.stop()
				assert.Empty(t, disk.Items())
			})
		})
	}
}

// An item that went early and takes its time is overtaken by all others.
func TestAnEarlyItemThatIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 2, none, half)
		backlog(t, r, 5, 2)
		r.takesFromNow(func(n int) bool { return n != 6 })
		time.Sleep(2 * time.Second)
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5}, slices.Sorted(slices.Values(r.delivered())))
		assert.Equal(t, sizeOf(1), r.depth.Size())
		assert.Equal(t, queuemetadata.Metadata{Items: itemRecords, Bytes: itemBytes, Read: 7, Write: 7, Dispatched: []uint64{6}}, stored(t, disk))
		r.takesFromNow(all)
		time.Sleep(2 * time.Second)
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

// What is new yet at a restart is new after it; a clock that is behind tells nothing.
func TestARestartKnowsWhatIsNew(t *testing.T) {
	for name, c := range map[string]struct {
		down, ahead time.Duration // ahead was the clock when items 5 to 8 came
		want        []int
		// left before the restart, of two that are in flight.
		left func(n int) bool
	}{
		"at once":        {0, 0, []int{8, 0, 7, 1, 2, 3, 4, 5, 6}, none},
		"behind a gap":   {0, 0, []int{7, 1, 2, 3, 4, 5, 6}, func(n int) bool { return n == 0 || n == 8 }},
		"2 s later":      {2 * time.Second, 0, []int{8, 0, 1, 2, 3, 4, 5, 6, 7}, none},
		"too late":       {time.Minute, 0, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, none},
		"clock set back": {0, time.Hour, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, none},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := storagetest.New()
				began := time.Now().Add(-5 * time.Second) // item n is n seconds younger than item 0; the first try, with 8, fails
				r := newRig(t, disk, 2, none, half, ageIsNumber(began, c.ahead))
				for n := range 9 {
					require.NoError(t, r.offer(n))
					synctest.Wait() // whoever is idle takes the first
				}
				time.Sleep(time.Second + time.Second/2)
				r.takesFromNow(c.left)
				time.Sleep(2 * time.Second)
				r.stop()
				time.Sleep(c.down)
				r = newRig(t, disk, 1, none, half, ageIsNumber(began, c.ahead))
				synctest.Wait()
				r.takesFromNow(all)
				time.Sleep(2 * time.Second)
				assert.Equal(t, c.want, r.delivered())
				r.stop()
				assert.Empty(t, disk.Items())
			})
		})
	}
}

// What is in flight before its turn is read again after a cut, and no item is lost whenever that is.
func TestAPowerCutAtEveryCallOfAnotherOrder(t *testing.T) {
	cuts := 0
	for first := 0; ; first++ {
		disk, delivered, done := freshRun(t, storagetest.New(), 12, first)
		for second := 0; ; second++ {
			cuts++
			after, more, drained := freshRun(t, disk.Copy(), 0, second)
			rest, last, _ := freshRun(t, after.Copy(), 0, 1000)
			require.Empty(t, rest.Items(), "cuts at calls %d and %d", first, second)
			all := slices.Concat(delivered.took, more.took, last.took)
			for _, n := range delivered.acked {
				require.Contains(t, all, n, "cuts at calls %d and %d", first, second)
			}
			if drained {
				break
			}
		}
		if done {
			t.Logf("%d pairs of cuts", cuts)
			return
		}
	}
}

type passage struct{ acked, took []int }

// freshRun works until the power is cut after so many calls to the storage: items grow old, then new ones come.
func freshRun(t *testing.T, disk *storagetest.Storage, offers, calls int) (after *storagetest.Storage, p passage, whole bool) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, disk, 2, none, half)
		left := calls
		disk.Fail(func([]*storage.Operation) error {
			if left--; left < 0 {
				return errCut
			}
			return nil
		})
		for n := range offers {
			if n == offers/2 {
				time.Sleep(4 * time.Second)
			}
			if r.offer(n) == nil {
				p.acked = append(p.acked, n)
			}
		}
		r.takesFromNow(func(n int) bool { return offers == 0 || n%4 != 2 })
		time.Sleep(5 * time.Second)
		p.took = r.delivered()
		after, whole = disk.Copy(), left >= 0
		_ = r.exporter.Shutdown(context.Background())
	})
	return after, p, whole
}

// An item that cannot be read before its turn stays, and is told from one that left.
func TestWhatCannotBeReadBeforeItsTurnStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 1, none, half)
		backlog(t, r, 3, 3)
		disk.Fail(func(ops []*storage.Operation) error {
			for _, op := range only(ops, storage.Get) {
				if op.Key == "5" {
					return errors.New("input/output error")
				}
			}
			return nil
		})
		r.takesFromNow(func(n int) bool { return n < 3 || n == 4 })
		time.Sleep(5 * time.Second)
		assert.Equal(t, []int{0, 4, 1}, r.delivered(), "3 is in flight")
		disk = cut(r, disk)
		assert.Equal(t, queuemetadata.Metadata{Items: 3 * itemRecords, Bytes: 3 * itemBytes, Read: 2, Write: 6}, stored(t, disk), "5 is above the read index")

		r = newRig(t, disk, 1, none)
		synctest.Wait()
		r.takesFromNow(all)
		time.Sleep(2 * time.Second)
		assert.Equal(t, []int{2, 3, 5}, r.delivered())
		assert.Equal(t, Size{}, r.depth.Size())
		r.stop()
		assert.Empty(t, disk.Items())
	})
}

// The age of the oldest is that of the backlog, also while all that is in flight is new.
func TestTheOldestWaitsBehindNewItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 1, none, half, ageIsNumber(time.Now(), 0))
		began := time.Now()
		for n := range 6 {
			require.NoError(t, r.offer(n))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second / 2)
		r.takesFromNow(func(n int) bool { return n < 3 })
		time.Sleep(time.Second)
		assert.Equal(t, []int{0}, r.delivered())
		at, ok := r.depth.Oldest()
		require.True(t, ok)
		assert.Equal(t, began, at, "5 is in flight; what waits came after 0")
		r.takesFromNow(all)
		time.Sleep(2 * time.Second)
		_, ok = r.depth.Oldest()
		assert.False(t, ok, "nothing waits")
		assert.Empty(t, r.depth.flying)
		r.stop()
	})
}

// ageIsNumber has item n come in n seconds after began; from 5 on the clock is ahead.
func ageIsNumber(began time.Time, ahead time.Duration) func(*Guard) {
	return func(g *Guard) {
		g.Head = 8
		g.FirstSeen = func(head []byte) (at time.Time, ok bool) {
			if len(head) < 8 {
				return at, false
			}
			n := binary.LittleEndian.Uint64(head)
			if at = began.Add(time.Duration(n) * time.Second); n >= 5 {
				at = at.Add(ahead)
			}
			return at, true
		}
	}
}
