package ledger

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

func arrivalsOn(n *notebook) *Arrivals {
	a := NewArrivals(nil)
	a.Use(n.set)
	return a
}

func unnamed(content string) Request {
	k := seen.KeyOf(content)
	return Request{Content: k, Name: k}
}

func named(name, content string) Request {
	return Request{Content: seen.KeyOf(name, content), Name: seen.KeyOf(name)}
}

// into enters by a Batch on the client.
func (n *notebook) into(entered *int) func([]*storage.Operation, bool) error {
	return func(riders []*storage.Operation, _ bool) error {
		err := n.client.Batch(context.Background(), append(riders, storage.SetOperation("item", []byte("x")))...)
		if err == nil {
			*entered++
		}
		return err
	}
}

func TestTheSameComesInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		a, entered := arrivalsOn(n), 0
		for i := range 5 {
			duplicate, err := a.Once(t.Context(), unnamed("x"), n.into(&entered))
			require.NoError(t, err)
			assert.Equal(t, i > 0, duplicate)
		}
		assert.Equal(t, 1, entered)
		after := n.cut()
		defer after.close()
		duplicate, err := arrivalsOn(after).Once(t.Context(), unnamed("x"), after.into(&entered))
		require.NoError(t, err)
		assert.True(t, duplicate, "over a power cut too")
	})
}

// What did not get in is never taken for a duplicate, over a power cut neither.
func TestWhatDidNotGetInIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		a, entered := arrivalsOn(n), 0
		duplicate, err := a.Once(t.Context(), unnamed("first"), n.into(&entered)) // the set reserves its numbers
		require.NoError(t, err)
		require.False(t, duplicate)
		n.disk.Fail(func(ops []*storage.Operation) error {
			if ops[len(ops)-1].Key == "item" {
				return errDisk
			}
			return nil
		})
		for i := range 10 {
			_, err = a.Once(t.Context(), named("name", strconv.Itoa(i)), n.into(&entered))
			require.ErrorIs(t, err, errDisk)
		}
		n.disk.Fail(nil)
		time.Sleep(5 * time.Minute) // whatever the set writes by itself
		after := n.cut()
		defer after.close()
		for _, run := range []*notebook{n, after} {
			other := true
			for i := range 10 {
				duplicate, err = arrivalsOn(run).Once(t.Context(), named("name", strconv.Itoa(i)), func(riders []*storage.Operation, o bool) error {
					other = o
					return run.client.Batch(t.Context(), riders...)
				})
				require.NoError(t, err)
				assert.False(t, duplicate)
				assert.Equal(t, i > 0, other, "the name that failed is free")
			}
		}
	})
}

func TestOneNameWithOtherContentIsAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		a := arrivalsOn(n)
		var others []bool
		for _, content := range []string{"a", "b", "a", "c", "b"} {
			_, err := a.Once(t.Context(), named("key", content), func(_ []*storage.Operation, other bool) error {
				others = append(others, other)
				return nil
			})
			require.NoError(t, err)
		}
		assert.Equal(t, []bool{false, true, true}, others)
	})
}

// Those who come while one of their name is entering wait for its outcome; if
// it fails, the next one tries itself.
func TestConcurrentDuplicatesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		a := arrivalsOn(n)
		var mu sync.Mutex
		tries, failed, duplicates := 0, 0, 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				duplicate, err := a.Once(t.Context(), unnamed("x"), func([]*storage.Operation, bool) error {
					mu.Lock()
					tries++
					n := tries
					mu.Unlock()
					time.Sleep(time.Second)
					if n <= 3 {
						return errDisk
					}
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed++
				}
				if duplicate {
					duplicates++
				}
			})
		}
		begin := time.Now()
		_, err := a.Once(t.Context(), unnamed("y"), func([]*storage.Operation, bool) error { return nil })
		require.NoError(t, err)
		assert.Zero(t, time.Since(begin), "others do not wait")
		wg.Wait()
		assert.Equal(t, 4, tries)
		assert.Equal(t, 3, failed)
		assert.Equal(t, 16, duplicates)
		assert.Empty(t, a.entering)
	})
}

func TestWaitingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(cancel func(), closed chan struct{})
		want error
	}{
		"with its context":    {func(cancel func(), _ chan struct{}) { cancel() }, context.Canceled},
		"with the exporter's": {func(_ func(), closed chan struct{}) { close(closed) }, errClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := open(t, storagetest.New())
				defer n.close()
				closed := make(chan struct{})
				a := NewArrivals(closed)
				a.Use(n.set)
				hold := make(chan struct{})
				go func() {
					_, _ = a.Once(t.Context(), unnamed("x"), func([]*storage.Operation, bool) error {
						<-hold
						return nil
					})
				}()
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Second, func() { c.end(cancel, closed) })
				_, err := a.Once(ctx, unnamed("x"), nil)
				require.ErrorIs(t, err, c.want)
				close(hold)
			})
		})
	}
}

// A storage that fails for hours holds nobody up: what comes is remembered in memory, and written later.
func TestAFailingStorageHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		n.disk.Fail(storagetest.Full)
		a := arrivalsOn(n)
		begin := time.Now()
		for i := range 1000 {
			_, err := a.Once(t.Context(), unnamed(strconv.Itoa(i)), func(riders []*storage.Operation, _ bool) error {
				assert.Empty(t, riders)
				return nil
			})
			require.NoError(t, err)
		}
		assert.Zero(t, time.Since(begin))
		time.Sleep(3 * time.Hour / 4)
		n.disk.Fail(nil)
		time.Sleep(2 * time.Second)
		after := n.cut()
		defer after.close()
		for i := range 1000 {
			require.True(t, after.set.Has(unnamed(strconv.Itoa(i)).Content))
		}
	})
}
