package mshipexporter

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// parcels are what the far end took, each in one string.
func parcels(shore *sinktest.Shore) []string {
	var all []string
	for _, a := range shore.Attempts() {
		if a.Err == nil {
			all = append(all, strings.Join(a.Records, " "))
		}
	}
	return all
}

func (a *aboard) log1(names ...string) {
	a.t.Helper()
	require.NoError(a.t, a.logs.ConsumeLogs(a.t.Context(), events(names...)))
}

func TestSmallRequestsTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Take(0))
		a := board(t, storagetest.New(), shore, plainSink, parcelsOf(4), func(c *Config) { c.Queue.Get().NumConsumers = 1 }).start()
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			a.log1(name)
		}
		synctest.Wait()
		assert.Equal(t, []string{"a b c d"}, parcels(shore), "as soon as there are min_size")
		a.log1("1", "2", "3", "4")
		synctest.Wait()
		assert.Equal(t, []string{"a b c d", "1 2 3 4"}, parcels(shore), "what is large enough goes straight in")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []string{"a b c d", "1 2 3 4", "e"}, parcels(shore), "at flush_timeout")
		require.NoError(t, a.metrics.ConsumeMetrics(t.Context(), sinktest.Metrics("m")))
		require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces("s")))
		time.Sleep(time.Second)
		assert.Equal(t, []string{"m"}, shore.Taken(pipeline.SignalMetrics))
		assert.Equal(t, []string{"s"}, shore.Taken(pipeline.SignalTraces))
		a.stop()
	})
}

// An outage leaves parcels as large as they can be, not one for each
// flush_timeout: the drain would take a round trip for each of them.
func TestAnOutageLeavesLargeParcels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Refuse(0, errNoLink))
		a := board(t, storagetest.New(), shore, plainSink, parcelsOf(1000)).start()
		const seconds = 3600
		for n := range seconds {
			a.log1(fmt.Sprint(n))
			time.Sleep(time.Second)
		}
		shore.Answer(sinktest.Take(0))
		time.Sleep(2 * time.Minute)
		a.stop()
		assert.Len(t, shore.Taken(pipeline.SignalLogs), seconds)
		assert.Less(t, len(parcels(shore)), 150, "some before the breaker opens, and about one for each of its probes")
	})
}

// What an earlier run left in the journal is delivered, also where batch was turned off meanwhile.
func TestWhatWaitsInTheJournalOutlivesTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		next func(*Config)
		want []string
	}{
		"the same":  {parcelsOf(100), []string{"a b"}},
		"batch off": {func(*Config) {}, []string{"a", "b"}},
		"no ledger": {func(c *Config) { parcelsOf(100)(c); c.Idempotency.Enabled = false }, []string{"a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
				a := board(t, disk, shore, plainSink, parcelsOf(100)).start()
				a.log1("a")
				a.log1("b")
				a.stop()
				assert.Empty(t, shore.Attempts())
				assert.Empty(t, disk.Items())
				a = board(t, disk, shore, plainSink, c.next).start()
				time.Sleep(time.Second)
				a.stop()
				assert.ElementsMatch(t, c.want, parcels(shore))
				a = board(t, disk, shore, plainSink, c.next).start()
				time.Sleep(time.Second)
				a.stop()
				assert.Len(t, parcels(shore), len(c.want))
				assert.Zero(t, disk.Open())
			})
		})
	}
}

// A damaged entry of the journal is put aside, and the others go on.
func TestADamagedEntryIsPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		a := board(t, disk, shore, plainSink, parcelsOf(100)).start()
		for _, name := range []string{"a", "b", "c"} {
			a.log1(name)
		}
		a.stop()
		c, err := disk.GetClient(t.Context(), component.KindExporter, a.set.ID, "logs")
		require.NoError(t, err)
		raw, err := c.Get(t.Context(), "journal/1")
		require.NoError(t, err)
		raw[len(raw)/2] ^= 1
		require.NoError(t, c.Set(t.Context(), "journal/1", raw))
		require.NoError(t, c.Close(t.Context()))

		a = board(t, disk, shore, plainSink, parcelsOf(100)).start()
		time.Sleep(time.Second)
		a.stop()
		assert.ElementsMatch(t, []string{"a", "c"}, parcels(shore))
		damaged, err := filepath.Glob(filepath.Join(a.cfg.DeadLetter.Directory, "*", "damaged", "*.bin"))
		require.NoError(t, err)
		assert.Len(t, damaged, 1)
		assert.Empty(t, disk.Items())
	})
}

// What waits in the journal is queued: it is shown, and it counts against queue_size.
func TestTheJournalIsPartOfTheQueue(t *testing.T) {
	const depth, size = "mship_queue_depth", "mship_queue_bytes"
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		shore := sinktest.New(sinktest.Take(0))
		a := boardWith(t, func(set *exporter.Settings) { set.TelemetrySettings = tel.NewTelemetrySettings() },
			storagetest.New(), shore, plainSink, parcelsOf(1000), func(c *Config) { c.Queue.Get().QueueSize = 2000 }).start()
		accepted := 0
		for n := range 100 {
			if a.logs.ConsumeLogs(t.Context(), events(fmt.Sprint(n))) == nil {
				accepted++
			}
		}
		assert.Less(t, accepted, 80)
		assert.Greater(t, accepted, 20)
		now := values(t, tel, depth, size)
		assert.Equal(t, int64(1), now[depth])
		assert.Positive(t, now[size])
		time.Sleep(time.Second)
		assert.Equal(t, map[string]int64{depth: 0, size: 0}, values(t, tel, depth, size))
		assert.Len(t, shore.Taken(pipeline.SignalLogs), accepted)
		a.stop()
		require.NoError(t, tel.Shutdown(context.Background()))
	})
}

// On a full disk nobody is told that a request is safe, and what waits goes out as soon as there is room.
func TestTheJournalOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		a := board(t, disk, shore, plainSink, parcelsOf(100)).start()
		a.log1("a")
		disk.Fail(storagetest.Full)
		requireComeAgain(t, a.logs.ConsumeLogs(t.Context(), events("b")))
		time.Sleep(3 * time.Hour)
		assert.Empty(t, shore.Attempts())
		disk.Fail(nil)
		a.log1("b")
		time.Sleep(2 * time.Second)
		assert.ElementsMatch(t, []string{"a", "b"}, shore.Taken(pipeline.SignalLogs))
		assert.Zero(t, a.logs.(*logsExporter).core.queued())
		a.stop()
		assert.Empty(t, disk.Items())
	})
}

// Many clients at once share the writes to the disk, each gets its answer, and
// the shutdown comes while they send: nothing that was acknowledged is lost.
func TestManyClientsAndAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(time.Millisecond))
		a := board(t, disk, shore, plainSink, parcelsOf(50)).start()
		var mu sync.Mutex
		acked := map[string]bool{}
		var wg sync.WaitGroup
		for client := range 16 {
			wg.Go(func() {
				for n := range 200 {
					name := fmt.Sprintf("%d-%d", client, n)
					if a.logs.ConsumeLogs(t.Context(), events(name)) == nil {
						mu.Lock()
						acked[name] = true
						mu.Unlock()
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		a.stop()
		wg.Wait()
		assert.Less(t, len(acked), 16*200)
		a = board(t, disk, shore, plainSink, parcelsOf(50)).start()
		time.Sleep(time.Second)
		a.stop()
		taken := map[string]int{}
		for _, name := range shore.Taken(pipeline.SignalLogs) {
			taken[name]++
		}
		for name := range acked {
			require.Equal(t, 1, taken[name], name)
		}
		assert.Len(t, taken, len(acked))
		assert.Less(t, len(parcels(shore)), len(acked)/10)
	})
}

// One write takes a request in, its key with it; one makes the parcel, and one ends it.
func TestHowManyWritesARequestCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		a := board(t, disk, shore, plainSink, parcelsOf(10)).start()
		a.log1("first")
		time.Sleep(time.Second)
		var mu sync.Mutex
		var written []string
		disk.Fail(func(ops []*storage.Operation) error {
			mu.Lock()
			defer mu.Unlock()
			if slices.ContainsFunc(ops, writes) {
				written = append(written, kinds(ops))
			}
			return nil
		})
		for n := range 10 {
			a.log1(fmt.Sprint(n))
		}
		time.Sleep(time.Second)
		disk.Fail(nil)
		want := slices.Repeat([]string{"+key +entry +next"}, 10)
		want = append(want, "+metadata +item -entry +first", "+metadata", "+metadata -item +key")
		assert.Equal(t, want, written)
		a.stop()
	})
}

// kinds of operations, those that follow one another and are alike in one.
func kinds(ops []*storage.Operation) string {
	var all []string
	for _, op := range ops {
		kind := "item"
		switch {
		case strings.HasPrefix(op.Key, "seen/"):
			kind = "key"
		case strings.HasPrefix(op.Key, "journal/"):
			kind = "entry"
		case strings.HasPrefix(op.Key, "journal-"):
			kind = strings.TrimPrefix(op.Key, "journal-")
		case op.Key == "qmv0":
			kind = "metadata"
		}
		all = append(all, map[storage.OpType]string{storage.Get: "?", storage.Set: "+", storage.Delete: "-"}[op.Type]+kind)
	}
	return strings.Join(slices.Compact(all), " ")
}

// Without a storage small requests travel together too; what waits at a
// shutdown is lost, as all that a queue in memory holds.
func TestParcelsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Take(0))
		a := board(t, storagetest.New(), shore, plainSink, parcelsOf(4), func(c *Config) { c.Queue.Get().StorageID = nil }).start()
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), plog.NewLogs()))
		for n := range 10 {
			a.log1(fmt.Sprint(n))
		}
		time.Sleep(time.Second)
		assert.Len(t, shore.Taken(pipeline.SignalLogs), 10)
		assert.Len(t, parcels(shore), 3)
		assert.Zero(t, a.logs.(*logsExporter).core.queued())
		a.log1("last")
		assert.Less(t, a.stop(), 5*time.Second)
		assert.Len(t, shore.Taken(pipeline.SignalLogs), 10)
	})
}
