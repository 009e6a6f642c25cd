package mshipstorage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
)

const (
	smallDisk    = 2 << 20
	smallSegment = 128 << 10
	// fullCycles is how often a disk is filled and drained.
	fullCycles = 10
)

// fewCycles is for what fullCycles have shown already, in other circumstances.
func fewCycles() int {
	if long {
		return fullCycles
	}
	return 3
}

// limits are the ways in which a store gets full.
var limits = map[string]struct {
	disk   int64 // what the disk holds
	set    setting
	reason string
}{
	"the disk is full": {smallDisk, func(*store.Settings) {}, store.RefusedDiskFull},
	"a quota is full":  {smallDisk, func(set *store.Settings) { set.Dir = quota{set.Dir} }, store.RefusedDiskFull},
	"max_bytes":        {-1, func(set *store.Settings) { set.MaxBytes = smallDisk }, store.RefusedMaxBytes},
	"min_free_bytes":   {smallDisk + 1<<20, func(set *store.Settings) { set.MinFreeBytes = 1 << 20 }, store.RefusedMinFree},
}

// quota is a disk that has room, but not for us: only a write finds out.
type quota struct{ disk.Dir }

func (quota) Free() (int64, error) { return 1 << 40, nil }

// ship is real queues on a store that gets full, and what they were told.
type ship struct {
	t       *testing.T
	m       *disktest.Memory
	set     setting
	reason  string
	storage *memoryStorage
	queues  []*realQueue
	// next number, acknowledged and delivered so far; takes says what is delivered.
	next             int
	acked, delivered []int
	takes            func(n int) bool
}

func launch(t *testing.T, limit string, queues int) *ship {
	l := limits[limit]
	s := &ship{t: t, m: disktest.New(), set: l.set, reason: l.reason, takes: none, queues: make([]*realQueue, queues)}
	s.m.Limit(l.disk)
	s.start()
	return s
}

func (s *ship) start() {
	s.storage = openMemory(s.t, s.m, s.set)
	for i := range s.queues {
		s.queues[i] = startQueue(s.t, s.storage, s.takes, queueSettings{id: component.MustNewIDWithName("rig", fmt.Sprint(i)), consumers: 3})
	}
}

func (s *ship) stop() {
	for _, q := range s.queues {
		q.stop()
		s.delivered = append(s.delivered, q.delivered()...)
	}
	s.storage.close()
}

func (s *ship) take(takes func(n int) bool) {
	s.takes = takes
	for _, q := range s.queues {
		q.takesFromNow(takes)
	}
}

// fill offers until 20 items are refused. It tells how many were taken.
func (s *ship) fill() (taken int) {
	for refused := 0; refused < 20; s.next++ {
		switch err := s.queues[s.next%len(s.queues)].offer(s.next); {
		case err == nil:
			s.acked = append(s.acked, s.next)
			taken++
		case assert.ErrorIs(s.t, err, storage.ErrStorageFull):
			refused++
		default:
			return taken
		}
		if s.next%16 == 0 {
			time.Sleep(time.Millisecond) // the consumers, too, want the queue's lock
		}
	}
	assert.Equal(s.t, []string{s.reason}, slices.Collect(maps.Keys(s.storage.reasons)), "why it refused")
	return taken
}

// got is all that was delivered, in order of the numbers.
func (s *ship) got() []int {
	got := slices.Clone(s.delivered)
	for _, q := range s.queues {
		got = append(got, q.delivered()...)
	}
	slices.Sort(got)
	return got
}

// drain lets all go but what stays, and checks that all that was acknowledged came, once.
func (s *ship) drain(stays ...int) {
	s.t.Helper()
	s.take(func(n int) bool { return !slices.Contains(stays, n) })
	time.Sleep(10 * time.Second)
	want := slices.DeleteFunc(slices.Clone(s.acked), func(n int) bool { return slices.Contains(stays, n) })
	require.Equal(s.t, want, s.got(), "acknowledged, and delivered")
}

// checkEmpty: next to nothing is left on the disk.
func (s *ship) checkEmpty(segments int64) {
	s.t.Helper()
	used, _ := s.storage.Size()
	assert.Less(s.t, used, segments*smallSegment, "bytes in the store")
	assert.Less(s.t, s.m.Total(), segments*smallSegment+64<<10, "bytes on the disk: %v", s.m.Names())
}

func onEachLimit(t *testing.T, test func(t *testing.T, limit string)) {
	for limit := range limits {
		t.Run(limit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, limit) })
		})
	}
}

// TestAFullStoreDrainsAndFillsAgain is the promise for a full disk.
func TestAFullStoreDrainsAndFillsAgain(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		s := launch(t, limit, 1)
		for cycle := range fullCycles {
			s.take(none)
			taken := s.fill()
			assert.Greater(t, taken, smallDisk/itemBytes*8/10, "cycle %d: most of the disk is used", cycle)
			s.drain()
			s.checkEmpty(3)
			assert.Zero(t, s.queues[0].size())
		}
		used, _ := s.storage.Size()
		assert.LessOrEqual(t, used, int64(2*smallSegment+smallSegment/4+4096), "the newest segment, one spare, and the reserve of what is moved")
		t.Logf("%d cycles: %d acknowledged, %d delivered once each, %d refused", fullCycles, len(s.acked), len(s.got()), s.next-len(s.acked))
		s.stop()
		s.start()
		time.Sleep(time.Second)
		assert.Empty(t, s.queues[0].delivered(), "left behind")
		assert.Empty(t, s.storage.logs.All())
		s.stop()
	})
}

// It goes on filling while it drains, on a link that takes a part of it.
func TestAFullStoreUnderLoad(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		s := launch(t, limit, 2)
		for range fewCycles() {
			s.take(func(n int) bool { return n%3 != 0 })
			s.fill()
		}
		s.drain()
		s.checkEmpty(3)
		assert.Greater(t, len(s.acked), fewCycles()*20)
		s.stop()
	})
}

// One item that stays does not keep the disk full.
func TestAFullStoreWithAnItemThatStays(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		s := launch(t, limit, 1)
		stays := []int{3}
		for range fewCycles() {
			s.take(none)
			s.fill()
			s.drain(stays...)
			s.checkEmpty(4)
		}
		s.drain()
		s.checkEmpty(3)
		s.stop()
	})
}

func TestTwoQueuesOnAFullStore(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		s := launch(t, limit, 2)
		for range fewCycles() {
			s.take(none)
			s.fill()
			s.queues[0].takesFromNow(all) // the other one stays full
			time.Sleep(10 * time.Second)
			s.fill()
			s.drain()
			s.checkEmpty(3)
		}
		s.stop()
	})
}

// The agent is stopped and started on a full disk.
func TestAFullStoreIsStartedAgain(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		s := launch(t, limit, 1)
		for range fewCycles() {
			s.take(none)
			s.fill()
			s.stop()
			s.start()
			s.fill()
			s.drain()
			s.checkEmpty(3)
		}
		s.stop()
	})
}

// The power is cut on a full disk, also in the middle of the drain. What was
// delivered may come again, nothing is lost.
func TestThePowerIsCutOnAFullStore(t *testing.T) {
	onEachLimit(t, func(t *testing.T, limit string) {
		r := rand.New(rand.NewPCG(5, 5))
		s := launch(t, limit, 1)
		again := 0
		for cycle := range fewCycles() {
			s.take(none)
			s.fill()
			if cycle%2 == 0 {
				s.take(func(n int) bool { return n%20 != 0 })              // three of them hold the consumers up
				time.Sleep(time.Duration(150+20*cycle) * time.Millisecond) // less than flush_interval
			}
			after := s.m.Crash(r)
			s.stop()
			s.m = after
			s.take(none)
			s.start()
			s.fill()
			s.take(all)
			time.Sleep(10 * time.Second)
			got := s.got()
			unique := slices.Compact(slices.Clone(got))
			again += len(got) - len(unique)
			s.delivered = unique
			s.forgetDelivered()
			require.Equal(t, s.acked, s.got())
			s.checkEmpty(3)
		}
		t.Logf("%d acknowledged, %d delivered again after a cut", len(s.acked), again)
		s.stop()
	})
}

// forgetDelivered: all that was delivered is in s.delivered already.
func (s *ship) forgetDelivered() {
	for _, q := range s.queues {
		q.mu.Lock()
		q.taken = nil
		q.mu.Unlock()
	}
}

// TestARealFullDisk is the extension on a small tmpfs, where one can be mounted.
// The doubles above hold the promise everywhere.
func TestARealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir, 6<<20); err != nil {
		t.Skipf("the doubles have shown it; a real one cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, unmount(dir)) })
	cfg := createDefaultConfig()
	cfg.Directory, cfg.MinFreeBytes, cfg.MaxBytes, cfg.Compression = dir+"/q", 0, 8<<20, compressionNone
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(typ), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), nil))
	q := startQueue(t, ext.(storage.Extension), none, queueSettings{consumers: 3})
	next, acked := 0, []int(nil)
	for range 3 {
		q.takesFromNow(none)
		for refused := 0; refused < 20; next++ {
			if err := q.offer(next); err == nil {
				acked = append(acked, next)
			} else if refused++; !assert.ErrorIs(t, err, storage.ErrStorageFull) {
				return
			}
		}
		q.takesFromNow(all)
		require.Eventually(t, func() bool { return len(q.delivered()) >= len(acked) && q.size() == 0 }, 30*time.Second, 10*time.Millisecond)
		assert.Equal(t, acked, slices.Sorted(slices.Values(q.delivered())))
		segment := cfg.segmentBytes()
		require.Eventually(t, func() bool { return diskUsed(t, dir) < 3*segment }, 30*time.Second, 10*time.Millisecond)
	}
	t.Logf("%d acknowledged and delivered", len(acked))
	q.stop()
	require.NoError(t, ext.Shutdown(t.Context()))
}

func diskUsed(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	entries, err := os.ReadDir(dir + "/q")
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		bytes += info.Size()
	}
	return bytes
}
