package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

var errCut = errors.New("the power is cut")

// coast is a far end that remembers keys, as mship_dedup does: what comes again
// under a key that it knows is answered with success and goes no further.
type coast struct {
	mu sync.Mutex
	// dark: nothing reaches it, because the ship has no power.
	dark bool
	// lose the answer to every request that brings something new, so many times.
	lose int
	// refuses a request for good.
	refuses func(records []string) bool
	// fails a request with a status that says nothing about it.
	fails func(records []string) bool
	// known are the records that came under a key, changed those keys that came with others too.
	known   map[uuid.UUID]string
	changed []uuid.UUID
	// taken counts each record that went further.
	taken map[string]int
	again int
}

func newCoast() *coast { return &coast{known: map[uuid.UUID]string{}, taken: map[string]int{}} }

func (c *coast) answer(ctx context.Context, a sinktest.Attempt) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := uuid.MustParse(sinktest.Header(ctx).Get("Idempotency-Key"))
	switch {
	case c.dark:
		return errNoLink
	case c.refuses != nil && c.refuses(a.Records):
		return &sinktest.Status{Code: http.StatusBadRequest}
	case c.fails != nil && c.fails(a.Records):
		return &sinktest.Status{Code: http.StatusInternalServerError}
	}
	content := strings.Join(a.Records, " ")
	if was, ok := c.known[id]; ok {
		c.again++
		if was != content {
			c.changed = append(c.changed, id)
		}
		return nil
	}
	c.known[id] = content
	for _, record := range a.Records {
		c.taken[record]++
	}
	if c.lose > 0 {
		c.lose--
		return errors.New("the answer is lost")
	}
	return nil
}

func (c *coast) setDark(dark bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dark = dark
}

// events is a request whose content says that it is the same when it comes again.
func events(names ...string) plog.Logs {
	ld := sinktest.Logs(names...)
	for i, record := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		record.SetTimestamp(pcommon.Timestamp(1700000000000000001 + i))
	}
	return ld
}

// customer keeps what was not acknowledged, and sends it again as it is.
type customer struct {
	mu    sync.Mutex
	keeps []string
	// acked are the records that the exporter has promised to deliver.
	acked []string
	next  int
}

// demand makes new requests of one record each, but for every third of them.
func (c *customer) demand(requests int) {
	for range requests {
		c.next++
		name := fmt.Sprint(c.next)
		if c.next%3 == 0 {
			name += " " + name + "b " + name + "c " + name + "d"
		}
		c.keeps = append(c.keeps, name)
	}
}

// send sends all that it keeps, three requests at a time.
func (c *customer) send(ctx context.Context, consume func(context.Context, plog.Logs) error, dead func() bool) {
	for group := range slices.Chunk(slices.Clone(c.keeps), 3) {
		var wg sync.WaitGroup
		for _, names := range group {
			wg.Go(func() {
				if consume(ctx, events(strings.Fields(names)...)) == nil && !dead() {
					c.settle(names)
				}
			})
		}
		wg.Wait()
		time.Sleep(700 * time.Millisecond)
	}
}

func (c *customer) settle(names string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keeps = slices.DeleteFunc(c.keeps, func(n string) bool { return n == names })
	c.acked = append(c.acked, strings.Fields(names)...)
}

func (c *customer) clone() *customer {
	return &customer{keeps: slices.Clone(c.keeps), acked: slices.Clone(c.acked), next: c.next}
}

func (c *coast) clone() *coast {
	n := newCoast()
	n.lose, n.refuses, n.fails, n.again = c.lose, c.refuses, c.fails, c.again
	n.changed = slices.Clone(c.changed)
	for k, v := range c.known {
		n.known[k] = v
	}
	for k, v := range c.taken {
		n.taken[k] = v
	}
	return n
}

// voyage is a ship, what it has on disk, and who deals with it.
type voyage struct {
	disk     *storagetest.Storage
	coast    *coast
	customer *customer
	letters  string
	adjust   func(*Config)
	// whim: after the first cut the far end takes what it refused before.
	whim bool
	// then is done once the requests are offered; nil for nothing.
	then func(*core)
	// moved counts the batches that went to the back of the queue.
	moved *atomic.Int64
}

const forever = 1 << 30

func (v voyage) clone(t *testing.T) voyage {
	t.Helper()
	letters := t.TempDir()
	require.NoError(t, os.CopyFS(letters, os.DirFS(v.letters)))
	v.disk, v.coast, v.customer, v.letters = v.disk.Copy(), v.coast.clone(), v.customer.clone(), letters
	return v
}

// sail works until the power is cut after so many calls to the storage; whole
// says that it came to its end, with a shutdown.
func (v voyage) sail(t *testing.T, calls, requests int) (whole bool) {
	t.Helper()
	return v.work(t, requests, func(call int) (cut bool) { return call >= calls }, nil)
}

// work offers requests, and ends with a shutdown. From a call to the storage on
// at which the power is cut nothing works any more; any other call may fail on its own.
func (v voyage) work(t *testing.T, requests int, cutAt func(call int) bool, failAt func(call int) error) (whole bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(v.coast.answer)
		a := board(t, v.disk, shore, zstdSink, v.adjust, func(c *Config) { c.DeadLetter.Directory = v.letters })
		a.host.GetExtensions()[linkID] = &fakeLink{}
		var mu sync.Mutex
		calls, dead := 0, false
		isDead := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return dead
		}
		v.disk.Fail(func(ops []*storage.Operation) error {
			mu.Lock()
			defer mu.Unlock()
			if !slices.ContainsFunc(ops, writes) {
				return nil // it leaves nothing behind; and pauses between reads are slept under the queue's lock, which stops a test's clock
			}
			calls++
			if dead || cutAt(calls-1) {
				dead = true
				v.coast.setDark(true)
				return errCut
			}
			if failAt != nil {
				return failAt(calls - 1)
			}
			return nil
		})
		lane := a.logs.(*logsExporter).lane
		requeue := lane.requeue
		lane.requeue = func(ctx context.Context, b delivery.Batch) error {
			err := requeue(ctx, b)
			if err == nil {
				v.moved.Add(1)
			}
			return err
		}
		v.customer.demand(requests)
		if a.logs.Start(t.Context(), a.host) == nil {
			v.customer.send(t.Context(), a.logs.ConsumeLogs, isDead)
			if v.then != nil {
				v.then(a.logs.(*logsExporter).core)
			}
			time.Sleep(10 * time.Second)
		}
		_ = a.logs.Shutdown(context.Background())
		whole = !isDead()
	})
	v.disk.Fail(nil)
	v.coast.setDark(false)
	return whole
}

func writes(op *storage.Operation) bool { return op.Type != storage.Get }

// remembers tells whether all that the far end took is remembered, or stands in
// the queue as it was taken. A part that was accepted when the power was cut is
// neither: only a far end that refuses the whole again sees nothing twice.
func (v voyage) remembers(t *testing.T) (all bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, err := v.disk.Copy().GetClient(t.Context(), component.KindExporter, component.MustNewIDWithName("mship", "shore"), "logs")
		require.NoError(t, err)
		set, err := seen.Open(t.Context(), client, seen.Settings{Name: "batches", Window: time.Hour, MaxKeys: 1000})
		require.NoError(t, err)
		queued := map[uuid.UUID]bool{}
		for _, item := range v.disk.Items() {
			id, ok := element.ID(item)
			require.True(t, ok)
			queued[uuid.UUID(id)] = true
		}
		all = true
		for id := range v.coast.known {
			all = all && (queued[id] || set.Has(seen.Key(id)))
		}
		require.NoError(t, set.Close(t.Context()))
	})
	return all
}

// arrive lets everything come to an end, and checks the books.
func (v voyage) arrive(t *testing.T, about string) {
	t.Helper()
	fickle := v.whim || v.coast.fails != nil
	v.coast.fails = nil
	for range 2 { // what waits in a journal at a shutdown is sealed by the next run
		require.True(t, v.sail(t, forever, 1), about)
	}
	for range 5 { // a bad record needs another that is sent after it was refused
		if len(v.disk.Items()) > 0 {
			require.True(t, v.sail(t, forever, 1), about)
		}
	}
	require.Empty(t, v.disk.Items(), about)
	require.Empty(t, v.customer.keeps, about)
	require.Empty(t, v.coast.changed, "%s: a key came with other records", about)
	parked := v.parked(t)
	for _, record := range v.customer.acked {
		require.Positive(t, v.coast.taken[record]+parked[record], "%s: record %s is lost", about, record)
	}
	for record, n := range v.coast.taken {
		require.Equal(t, 1, n, "%s: record %s came in two parcels", about, record)
		// Between the parking and the Batch that says so the power may be cut.
		require.True(t, parked[record] == 0 || fickle, "%s: record %s is ashore and among the dead letters", about, record)
	}
	for record, n := range parked {
		require.Equal(t, 1, n, "%s: record %s is parked more than once", about, record)
	}
}

// parked are the records among the dead letters.
func (v voyage) parked(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	files, err := filepath.Glob(filepath.Join(v.letters, "*", "*", "*.jsonl"))
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(raw)) {
			ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(line))
			require.NoError(t, err)
			for _, rl := range ld.ResourceLogs().All() {
				for _, sl := range rl.ScopeLogs().All() {
					for _, r := range sl.LogRecords().All() {
						out[r.Body().Str()]++
					}
				}
			}
		}
	}
	return out
}

func parcelsOf(items int64) func(*Config) {
	return func(c *Config) {
		c.Queue.Get().Batch = configoptional.Some(exporterhelper.BatchConfig{
			FlushTimeout: 200 * time.Millisecond, Sizer: exporterhelper.RequestSizerTypeItems, MinSize: items, MaxSize: 2 * items,
		})
	}
}

// TestAPowerCutAtEveryStep cuts the whole exporter at each of its calls to the
// storage, and the run after it again. Nothing that was acknowledged is lost,
// no record is in two parcels, and a far end that remembers keys sees nothing twice.
func TestAPowerCutAtEveryStep(t *testing.T) {
	t.Parallel()
	none := func(*Config) {}
	for name, c := range map[string]struct {
		adjust func(*Config)
		coast  func(*coast)
		whim   bool
	}{
		"batches":                       {none, func(*coast) {}, false},
		"parcels":                       {parcelsOf(3), func(*coast) {}, false},
		"batches, answers lost":         {none, func(c *coast) { c.lose = 3 }, false},
		"parcels, answers lost":         {parcelsOf(3), func(c *coast) { c.lose = 3 }, false},
		"batches, one of them is bad":   {none, func(c *coast) { c.refuses = bad }, false},
		"parcels, one of them is bad":   {parcelsOf(6), func(c *coast) { c.refuses = bad }, false},
		"in order, one of them is bad":  {regrouped(6), func(c *coast) { c.refuses = bad }, false},
		"a bad one is taken later":      {none, func(c *coast) { c.refuses = bad }, true},
		"batches, one of them fails":    {eager, func(c *coast) { c.fails = bad }, false},
		"bad, and the path breaks down": {eager, func(c *coast) { c.refuses, c.fails = bad, only("3d") }, false},
		"both, and taken later":         {eager, func(c *coast) { c.refuses, c.fails = bad, only("3d") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adjust := func(cfg *Config) {
				cfg.Retry.BackOff.MaxInterval = time.Second
				cfg.CircuitBreaker.Enabled = false
				c.adjust(cfg)
			}
			v := voyage{disk: storagetest.New(), coast: newCoast(), customer: &customer{}, letters: t.TempDir(), adjust: adjust, whim: c.whim, moved: new(atomic.Int64)}
			c.coast(v.coast)
			cutEverywhere(t, v)
			t.Log(v.moved.Load(), "batches went to the back")
		})
	}
}

// TestAStorageThatFailsOnce fails a single call to the storage, each in turn, and goes on.
func TestAStorageThatFailsOnce(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*Config){"batches": eager, "parcels": parcelsOf(3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				failed := false
				fail := func(call int) error {
					if call != n {
						return nil
					}
					failed = true
					return errors.New("input/output error")
				}
				v := voyage{disk: storagetest.New(), coast: newCoast(), customer: &customer{}, letters: t.TempDir(), adjust: adjust, moved: new(atomic.Int64)}
				v.coast.refuses = bad
				require.True(t, v.work(t, 7, func(int) bool { return false }, fail))
				if !failed {
					t.Logf("%d calls", n)
					return
				}
				v.arrive(t, fmt.Sprintf("call %d fails", n))
			}
		})
	}
}

func bad(records []string) bool { return slices.Contains(records, "3b") }

func only(record string) func([]string) bool {
	return func(records []string) bool { return len(records) == 1 && records[0] == record }
}

// eager gives up its turn as soon as it can.
func eager(c *Config) { c.Retry.MaxRetries = 1 }

func cutEverywhere(t *testing.T, v voyage) {
	t.Helper()
	stride := 7
	if os.Getenv("MSHIP_LONG") != "" { // make soak
		stride = 1
	}
	cuts, pairs := 0, 0
	for first := 0; ; first++ {
		once := v.clone(t)
		whole := once.sail(t, first, 7)
		cuts++
		if v.whim && once.remembers(t) {
			once.coast.refuses, once.coast.fails = nil, nil
		}
		// Every second cut in the long form; in the short one some, others in every round.
		for second := first % stride; ; second += stride {
			twice := once.clone(t)
			drained := twice.sail(t, second, 2)
			twice.arrive(t, fmt.Sprintf("cuts at calls %d and %d", first, second))
			if pairs++; drained {
				break
			}
		}
		if whole {
			t.Logf("%d cuts, %d with a second one", cuts, pairs)
			return
		}
	}
}
