package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// book gives an entry for each item that is done, and hears what became of it.
type book struct {
	mu    sync.Mutex
	asked map[uint64]int
	ended map[uint64][]error
}

func newBook() *book { return &book{asked: map[uint64]int{}, ended: map[uint64][]error{}} }

func (b *book) completed(head []byte) ([]*storage.Operation, func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := binary.LittleEndian.Uint64(head)
	b.asked[n]++
	return []*storage.Operation{storage.SetOperation(entry(n), []byte("done"))}, func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ended[n] = append(b.ended[n], err)
	}
}

func entry(n uint64) string { return fmt.Sprintf("entry %d", n) }

func (b *book) guard(g *Guard) { g.Head, g.Completed = 8, b.completed }

// has reads what the queue of a rig that has stopped left.
func has(t *testing.T, disk *storagetest.Storage, key string) bool {
	t.Helper()
	c, err := disk.Copy().GetClient(t.Context(), component.KindExporter, component.MustNewID("rig"), "logs")
	require.NoError(t, err)
	value, err := c.Get(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
	return value != nil
}

// At every moment an item is on disk, or the entry that says that it is done: never both, never none.
func TestRidersAreWithTheirItemOrNotAtAll(t *testing.T) {
	for _, readAll := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			disk, b := storagetest.New(), newBook()
			r := newRig(t, disk, 2, all, b.guard, func(g *Guard) { g.readAll = readAll })
			var mu sync.Mutex
			states := 0
			disk.Fail(func(ops []*storage.Operation) error {
				mu.Lock()
				defer mu.Unlock()
				states++
				sets, deletes := 0, 0
				for _, op := range ops {
					switch {
					case op.Type == storage.Set && isItem(op.Key), op.Type == storage.Delete && op.Key == "journal":
						sets++
					case op.Type == storage.Delete, op.Type == storage.Set && op.Key[:1] == "e":
						deletes++
					}
				}
				assert.True(t, sets == 0 || sets == 2, "an item without its riders")
				assert.True(t, deletes == 0 || deletes == 2, "a completion without its entry")
				return nil
			})
			for n := range 10 {
				ctx := WithRiders(context.WithValue(t.Context(), numberKey{}, n), []*storage.Operation{storage.DeleteOperation("journal")})
				require.NoError(t, r.exporter.ConsumeLogs(ctx, plog.NewLogs()))
			}
			time.Sleep(time.Second)
			assert.Len(t, r.delivered(), 10)
			r.stop()
			for n := range uint64(10) {
				assert.True(t, has(t, disk, entry(n)))
				assert.Equal(t, []error{nil}, b.ended[n])
			}
			assert.GreaterOrEqual(t, states, 30)
		})
	}
}

// Whoever gives an entry hears that it was not written; it does not ride in a later Batch.
func TestTheGiverHearsThatAnEntryWasNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDisk := errors.New("read-only file system")
		disk, b := storagetest.New(), newBook()
		r := newRig(t, disk, 1, none, b.guard)
		for n := range 3 {
			require.NoError(t, r.offer(n))
		}
		synctest.Wait()
		disk.Fail(func(ops []*storage.Operation) error {
			if len(only(ops, storage.Delete)) > 0 {
				return errDisk
			}
			return nil
		})
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Len(t, r.delivered(), 3)
		for n := range uint64(3) {
			assert.Equal(t, 1, b.asked[n])
			require.Len(t, b.ended[n], 1)
			assert.ErrorIs(t, b.ended[n][0], errDisk)
		}
		disk.Fail(nil)
		r.stop()
		assert.Empty(t, disk.Items(), "the deletes are made up for")
		assert.False(t, has(t, disk, entry(1)))
	})
}

// An item that was never read, or is put back, is not done.
func TestOnlyWhatIsDoneHasAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, b := storagetest.New(), newBook()
		r := newRig(t, disk, 1, func(n int) bool { return n == 0 }, b.guard)
		for n := range 4 {
			require.NoError(t, r.offer(n))
		}
		disk.Lose("2")
		time.Sleep(time.Minute)
		r.stop()
		assert.Equal(t, map[uint64]int{0: 1}, b.asked)
		r = newRig(t, disk, 1, all, b.guard)
		time.Sleep(time.Second)
		r.stop()
		assert.Equal(t, map[uint64]int{0: 1, 1: 1, 3: 1}, b.asked)
	})
}
