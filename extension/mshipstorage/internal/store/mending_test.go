package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// newerHeader is a sound header of the next version of the format.
func newerHeader(segment uint32) []byte {
	b := record.Header{Segment: segment}.Append(nil)
	binary.LittleEndian.PutUint16(b[12:], record.Version+1)
	binary.LittleEndian.PutUint32(b[8:], record.Checksum(b[12:]))
	return b
}

func allBytes(m *disktest.Memory) map[string]string {
	out := map[string]string{}
	for _, name := range m.Names() {
		out[name] = string(m.Bytes(name))
	}
	return out
}

func TestANewerFormatIsRefusedAndLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		m.Put("0000000002.seg", append(newerHeader(2), m.Bytes("0000000002.seg")[record.HeaderSize:]...))
		m.Put("0000000003.seg", nil) // what else is wrong is not mended either
		require.NoError(t, m.Rename("0000000001.seg", "0000000009.seg"))
		m.Put("0000000077.idx", []byte("an orphan"))
		m.OnChange(func(c disktest.Change) error {
			t.Errorf("changed: %v", c)
			return nil
		})
		before := allBytes(m)
		_, err := tryOpen(t, m)
		require.ErrorIs(t, err, record.ErrNewer)
		assert.ErrorContains(t, err, "/memory/0000000002.seg: format version 2, this release knows 1: written by a newer release; install that release, or move the directory away: nothing in it was changed")
		assert.Equal(t, before, allBytes(m))
	})
}

// The metadata is unreadable in ways that no checksum finds: somebody wrote it so.
func TestUnreadableMetadataIsMadeAnew(t *testing.T) {
	for name, garbage := range map[string][]byte{
		"random":                   randomBytes(77),
		"random and long":          randomBytes(3000),
		"impossible numbers":       queuemetadata.Metadata{Read: 9, Write: 3}.Marshal(),
		"in flight and not read":   queuemetadata.Metadata{Read: 3, Write: 5, Dispatched: []uint64{4}}.Marshal(),
		"cut":                      queuemetadata.Metadata{Read: 1, Write: 5}.Marshal()[:20],
		"of a queue that is empty": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := healthyDir(t, true)
				s := openSession(t, m)
				require.NoError(t, s.client(queueName).Set(t.Context(), queuemetadata.Key, garbage))
				require.NoError(t, s.Close())
				s = openSession(t, m)
				q := s.queue()
				assert.Equal(t, uint64(len(healthyLeft())), q.m.Count())
				assert.Equal(t, int64(len(healthyLeft())*payloadBytes), q.m.Bytes)
				require.NoError(t, s.Close())
				s = openSession(t, m) // the new one is on the disk
				assert.Empty(t, s.errors())
				assert.Equal(t, healthyLeft(), s.queue().drain())
				require.NoError(t, s.Close())
			})
		})
	}
}

func TestMetadataOfANewerReleaseIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		newer := protowire.AppendVarint(protowire.AppendTag(queuemetadata.Metadata{Read: 3, Write: 72, Dispatched: []uint64{2}}.Marshal(), 9, protowire.VarintType), 1)
		s := openSession(t, m)
		require.NoError(t, s.client(queueName).Set(t.Context(), queuemetadata.Key, newer))
		require.NoError(t, s.Close())
		before := allBytes(m)

		s = openSession(t, m)
		c := s.client(queueName)
		assert.Len(t, s.logs.FilterMessageSnippet("a queue's metadata is of a newer release: nothing of it is mended").All(), 1)
		got, err := c.Get(t.Context(), queuemetadata.Key)
		require.NoError(t, err)
		assert.Equal(t, newer, got)
		present := 0
		for index := range uint64(80) {
			b, err := c.Get(t.Context(), itemKey(index))
			require.NoError(t, err)
			if b != nil {
				present++
			}
		}
		assert.Equal(t, len(healthyLeft()), present)
		for _, name := range segmentsOf(m) {
			assert.Equal(t, before[name], string(m.Bytes(name)), name)
		}
		require.NoError(t, s.Close())
	})
}

// A completion that failed once left items below the read index; they come first.
func TestItemsLeftBehindAreAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		s := openSession(t, m)
		q := s.queue()
		for range 20 {
			_, _, ok := q.dispatch()
			require.True(t, ok)
		}
		q.m.Dispatched = q.m.Dispatched[17:] // the queue forgot the others
		require.NoError(t, q.put(payload(healthyItems)))
		synctest.Wait()
		killed := m.Kill()
		require.NoError(t, s.Close())

		s = openSession(t, killed)
		assert.Equal(t, append(healthyLeft(), healthyItems), s.queue().drain())
		require.NoError(t, s.Close())
	})
}

// In the place of the quarantine is a file: nothing can be put aside, so what
// is damaged stays where it is; the rest flows.
func TestWithoutAQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		w := &wreck{t: t, m: m, closed: true, segments: segmentsOf(m)}
		_, v := w.middle(w.segments[1])
		w.hurt(w.segments[1], record.Range{From: v.From, To: v.To}, flip)
		whole := disktest.New() // m has had the directory
		for _, name := range m.Names() {
			whole.Put(name, m.Bytes(name))
		}
		whole.Put("quarantine", []byte("a file"))
		for range 2 {
			s := openSession(t, whole)
			assert.Contains(t, s.errors(), "cannot open the quarantine")
			q := s.queue()
			assert.Subset(t, w.expect(), q.drain())
			require.NoError(t, q.put(payload(500)))
			assert.Equal(t, []int{500}, q.drain())
			assert.NotEmpty(t, s.logs.FilterMessageSnippet("cannot be copied to quarantine").All())
			require.NoError(t, s.Close())
		}
		require.NoError(t, whole.Remove("quarantine"))
		s := openSession(t, whole)
		assert.Empty(t, s.queue().drain(), "it is the last one")
		assert.Len(t, s.damageReports(), 1)
		require.NoError(t, s.Close())
	})
}

// A segment that stands under the name of a later one is not written over when that one comes.
func TestNoSegmentIsWrittenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		require.NoError(t, m.Rename("0000000002.seg", "0000000007.seg"))
		s := openSession(t, m)
		q := s.queue()
		for n := range 100 {
			require.NoError(t, q.put(payload(healthyItems+n)))
		}
		want := healthyLeft()
		for n := range 100 {
			want = append(want, healthyItems+n)
		}
		assert.Equal(t, want, q.drain())
		require.NoError(t, s.Close())
	})
}

var errIO error = syscall.EIO

func TestAReadThatFailsForAMomentIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		s := openSession(t, m)
		q := s.queue()
		var mu sync.Mutex
		tries := map[string]int{}
		m.OnRead(func(name string, from, _ int64) error {
			mu.Lock()
			defer mu.Unlock()
			place := fmt.Sprint(name, from)
			tries[place]++
			if path.Ext(name) == ".seg" && tries[place] < 5 {
				return errIO
			}
			return nil
		})
		assert.Equal(t, healthyLeft(), q.drain())
		assert.Empty(t, s.logs.All())
		require.NoError(t, s.Close())
	})
}

// The queue deletes what it cannot read; the store knows better, and keeps it for the next start.
func TestWhatCannotBeReadStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		s := openSession(t, m)
		q := s.queue()
		bad := map[int]bool{7: true, 12: true, 71: true}
		m.OnRead(func(name string, from, length int64) error {
			b := m.Bytes(name)
			if length == payloadBytes+1 && bad[int(binary.LittleEndian.Uint64(b[from+1:]))] {
				return errIO
			}
			return nil
		})
		got := q.drain()
		for n := range bad {
			assert.NotContains(t, got, n)
		}
		assert.Len(t, got, len(healthyLeft())-3)
		require.NoError(t, q.put(payload(100)))
		synctest.Wait()
		killed := m.Kill()
		require.NoError(t, s.Close())
		assert.Zero(t, s.damaged.Load(), "unreadable is not damaged")
		m.OnRead(nil)
		for _, after := range []*disktest.Memory{m, killed} {
			s = openSession(t, after)
			assert.Equal(t, []int{7, 12, 71, 100}, s.queue().drain())
			require.NoError(t, s.Close())
		}
	})
}

// A read error is told, and a Get that works gives the key its delete back.
func TestAReadErrorSaysWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := healthyDir(t, true)
		s := openSession(t, m)
		c := s.client(plainName)
		m.OnRead(func(string, int64, int64) error { return errIO })
		_, err := c.Get(context.Background(), "big")
		require.ErrorIs(t, err, errIO)
		assert.ErrorContains(t, err, "cannot read 5001 bytes at ")
		assert.ErrorContains(t, err, " of /memory/0000000001.seg: ")
		require.NoError(t, c.Delete(t.Context(), "big"))
		m.OnRead(nil)
		got, err := c.Get(context.Background(), "big")
		require.NoError(t, err)
		assert.Equal(t, plainData()["big"], got)
		require.NoError(t, c.Delete(t.Context(), "big"))
		got, err = c.Get(context.Background(), "big")
		require.NoError(t, err)
		assert.Nil(t, got)
		require.NoError(t, s.Close())
	})
}

// stuckDir is an open store whose oldest segment holds the first items in
// flight, and whose others are empty but for the newest.
func stuckDir(t *testing.T, m *disktest.Memory, stuck int) (*session, *queueDouble) {
	s := openSession(t, m)
	q := s.queue()
	for n := range stuck {
		require.NoError(t, q.put(payload(n)))
		_, _, ok := q.dispatch()
		require.True(t, ok)
	}
	return s, q
}

// churn fills and empties segments while the first items stay in flight.
func churn(t *testing.T, q *queueDouble, from, n int) {
	for n := range n {
		require.NoError(t, q.put(payload(from+n)))
		index, _, ok := q.dispatch()
		require.True(t, ok)
		q.done(index)
		synctest.Wait()
	}
}

// What is moved forward is as safe as what was not: damage to one takes no other with it.
func TestDamageToOneMovedItemTakesNoOtherWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := disktest.New()
		s, q := stuckDir(t, m, 3)
		churn(t, q, 100, 60)
		synctest.Wait()
		killed := m.Kill()
		require.NoError(t, s.Close())
		var file string
		for _, name := range segmentsOf(killed) {
			for _, p := range piecesOf(t, killed, name) {
				assert.LessOrEqual(t, len(p.items), 1)
				if _, ok := p.items[1]; ok {
					file = name
				}
			}
		}
		require.NotEqual(t, "0000000001.seg", file, "item 1 was moved")
		_ = killed.Remove(summaryOf(file)) // so that all of it is read at the start
		w := &wreck{t: t, m: killed}
		for _, p := range piecesOf(t, killed, file) {
			if r, ok := p.items[1]; ok {
				w.change(file, record.Range{From: r.From + 9, To: r.From + 19}, flip)
			}
		}
		s = openSession(t, killed)
		assert.Equal(t, []int{0, 2}, s.queue().drain())
		assert.Len(t, s.damageReports(), 1)
		require.NoError(t, s.Close())
	})
}

// What is to be moved and cannot be read is not given up at once, holds nobody
// up meanwhile, and does not keep the disk full for ever.
func TestWhatCannotBeReadIsMovedLater(t *testing.T) {
	for name, c := range map[string]struct {
		away time.Duration
		left []int
	}{
		"the disk comes back": {away: 90 * time.Second, left: []int{0, 1, 2}},
		"it does not":         {away: time.Hour, left: []int{0, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := disktest.New()
				s, q := stuckDir(t, m, 3)
				begun := time.Now()
				m.OnRead(func(name string, from, length int64) error {
					b := m.Bytes(name)
					if length >= payloadBytes && binary.LittleEndian.Uint64(b[from+1:]) == 1 && time.Since(begun) < c.away {
						return errIO
					}
					return nil
				})
				churn(t, q, 100, 60)
				assert.Less(t, time.Since(begun), 5*time.Second, "nobody is held up")
				time.Sleep(10 * time.Minute)
				churn(t, q, 200, 60)
				used, _ := s.Size()
				assert.Less(t, used, int64(4*shortSegment))
				m.OnRead(nil)
				require.NoError(t, s.Close())
				s = openSession(t, m)
				assert.Equal(t, c.left, s.queue().drain())
				require.NoError(t, s.Close())
			})
		})
	}
}

// Damage that cannot be put aside holds nobody up either.
func TestDamageWithoutAQuarantineHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := disktest.New()
		m.Put("quarantine", nil)
		s, q := stuckDir(t, m, 3)
		synctest.Wait()
		_, v := (&wreck{t: t, m: m}).middle("0000000001.seg")
		(&wreck{t: t, m: m}).change("0000000001.seg", v, flip)
		begun := time.Now()
		churn(t, q, 100, 60)
		assert.Less(t, time.Since(begun), 5*time.Second)
		require.NoError(t, s.Close())
	})
}

// full makes a disk refuse whatever would need a new block, and all writes into spares with it.
func full(c disktest.Change) error {
	if c.Kind == disktest.Write || c.Kind == disktest.Create {
		return syscall.ENOSPC
	}
	return nil
}

// What rides in a completion is not forgotten where nothing at all can be written.
func TestRidersOfACompletionAreOwed(t *testing.T) {
	for name, many := range map[string]int{"a few in flight": 3, "so many that the metadata is long": 70} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				m := disktest.New()
				s, q := stuckDir(t, m, many)
				m.OnChange(full)
				require.NoError(t, q.c.Batch(ctx, storage.SetOperation(queuemetadata.Key, q.m.Marshal()),
					storage.DeleteOperation("0"), storage.SetOperation("ledger", []byte("0 is done")), storage.DeleteOperation("journal")))
				q.m.Dispatched = q.m.Dispatched[1:]
				got, err := q.c.Get(ctx, "ledger")
				require.NoError(t, err)
				assert.Equal(t, "0 is done", string(got))
				err = q.c.Batch(ctx, storage.DeleteOperation("1"), storage.SetOperation("ledger", randomBytes(600)))
				require.Error(t, err, "too long to be kept in memory: the queue is told")
				require.ErrorIs(t, q.put(payload(99)), storage.ErrStorageFull)
				m.OnChange(nil)
				time.Sleep(time.Second)
				killed := m.Crash(nil)
				require.NoError(t, s.Close())
				for _, after := range []*disktest.Memory{killed, m} {
					s = openSession(t, after)
					c := s.client(queueName)
					got, err = c.Get(ctx, "ledger")
					require.NoError(t, err)
					assert.Equal(t, "0 is done", string(got))
					assert.Len(t, s.queue().drain(), many-1)
					require.NoError(t, s.Close())
				}
			})
		})
	}
}

// A flush that fails says so; nothing of it is lost, nothing is there twice.
func TestAFailedFlushDamagesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := disktest.New()
		s, q := stuckDir(t, m, 3)
		failed := false
		m.OnChange(func(c disktest.Change) error {
			if !failed && c.Kind == disktest.Sync && strings.HasSuffix(c.Name, ".seg") {
				failed = true
				return c.Lost(errors.New("the disk says no"))
			}
			return nil
		})
		require.NoError(t, q.put(payload(3)))
		require.True(t, failed)
		for _, after := range []*disktest.Memory{m.Crash(nil), m.Kill()} {
			s := openSession(t, after)
			assert.Equal(t, []int{0, 1, 2, 3}, s.queue().drain())
			require.NoError(t, s.Close())
		}
		require.NoError(t, s.Close())
	})
}
