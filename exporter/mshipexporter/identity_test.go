package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// register notes under which key each record came, in every attempt.
type register struct {
	mu   sync.Mutex
	keys map[string][]string
	// fail answers attempts before they are taken; nil takes all.
	fail func(attempt int) error
	n    int
}

func newRegister() *register { return &register{keys: map[string][]string{}} }

func (r *register) answer(ctx context.Context, a sinktest.Attempt) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := strings.Join(a.Records, " ")
	key := delivery.AnswerFrom(ctx).Batch.String()
	if h := sinktest.Header(ctx); h != nil {
		key = h.Get("Idempotency-Key")
	}
	r.keys[name] = append(r.keys[name], key)
	if r.n++; r.fail != nil {
		return r.fail(r.n)
	}
	return nil
}

func (r *register) of(name string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys[name])
}

func (r *register) failing(fail func(int) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

// TestTheSameRequestFiveTimes is the issue's: a client that sends the same
// request five times delivers it once; five equal batches without fine times are five.
func TestTheSameRequestFiveTimes(t *testing.T) {
	fine := pcommon.Timestamp(1700000000000000001)
	coarse := pcommon.Timestamp(1700000000000000000)
	for name, c := range map[string]struct {
		send func(a *aboard) error
		sig  pipeline.Signal
		want int
	}{
		"logs": {func(a *aboard) error { return a.logs.ConsumeLogs(a.t.Context(), events("x")) }, pipeline.SignalLogs, 1},
		"logs of whole seconds": {func(a *aboard) error {
			ld := sinktest.Logs("x")
			ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetTimestamp(coarse)
			return a.logs.ConsumeLogs(a.t.Context(), ld)
		}, pipeline.SignalLogs, 5},
		"logs without a time": {func(a *aboard) error { return a.logs.ConsumeLogs(a.t.Context(), sinktest.Logs("x")) }, pipeline.SignalLogs, 5},
		"metrics": {func(a *aboard) error {
			md := sinktest.Metrics("x")
			md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).SetTimestamp(fine)
			return a.metrics.ConsumeMetrics(a.t.Context(), md)
		}, pipeline.SignalMetrics, 1},
		"metrics of whole seconds": {func(a *aboard) error {
			md := sinktest.Metrics("x")
			md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).SetTimestamp(coarse)
			return a.metrics.ConsumeMetrics(a.t.Context(), md)
		}, pipeline.SignalMetrics, 5},
		"traces": {func(a *aboard) error {
			td := sinktest.Traces("x")
			td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetSpanID(pcommon.SpanID{7})
			return a.traces.ConsumeTraces(a.t.Context(), td)
		}, pipeline.SignalTraces, 1},
	} {
		for kind, adjust := range map[string]func(*Config){
			"batches": func(*Config) {}, "parcels": parcelsOf(100), "in memory": func(c *Config) { c.Queue.Get().StorageID = nil },
			"no queue": func(c *Config) { c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]() },
			"off":      func(c *Config) { c.Idempotency.Enabled = false },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tel := componenttest.NewTelemetry()
					shore := sinktest.New(sinktest.Take(0))
					a := boardWith(t, func(set *exporter.Settings) { set.TelemetrySettings = tel.NewTelemetrySettings() },
						storagetest.New(), shore, plainSink, adjust).start()
					for range 5 {
						require.NoError(t, c.send(a))
					}
					time.Sleep(time.Second)
					want := c.want
					if kind == "off" {
						want = 5
					}
					assert.Len(t, shore.Taken(c.sig), want)
					if want == 1 {
						assert.Equal(t, int64(4), values(t, tel, "mship_door_duplicate_total")["mship_door_duplicate_total"])
					}
					a.stop()
					require.NoError(t, tel.Shutdown(context.Background()))
				})
			})
		}
	}
}

// A duplicate is known over a restart, and for as long as the window is.
func TestTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		hour := func(c *Config) { c.Idempotency.Window = time.Hour }
		a := board(t, disk, shore, plainSink, hour).start()
		send := func(want int) {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("x")))
			time.Sleep(time.Second)
			assert.Len(t, shore.Taken(pipeline.SignalLogs), want)
		}
		send(1)
		time.Sleep(20 * time.Minute)
		a.stop()
		a = board(t, disk, shore, plainSink, hour).start()
		time.Sleep(35 * time.Minute)
		send(1)
		time.Sleep(20 * time.Minute)
		send(2)
		a.stop()
	})
}

// The key is the same in every attempt: over retries, moves to the back and restarts.
func TestTheKeyIsForLife(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"batches": func(*Config) {}, "parcels": parcelsOf(2)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, r := storagetest.New(), newRegister()
				settings := []func(*Config){adjust, func(c *Config) {
					c.Retry.MaxRetries, c.Retry.BackOff.MaxInterval, c.CircuitBreaker.Enabled = 2, time.Second, false
				}}
				r.failing(func(n int) error {
					if n%3 == 0 { // others are taken: what fails moves to the back
						return nil
					}
					return &sinktest.Status{Code: 500 + n%4}
				})
				const requeued = "mship_queue_requeued_total"
				var want []string
				moved := int64(0)
				for range 4 {
					tel := componenttest.NewTelemetry()
					a := boardWith(t, func(set *exporter.Settings) { set.TelemetrySettings = tel.NewTelemetrySettings() },
						disk, sinktest.New(r.answer), httpSink, settings...).start()
					for range 5 {
						name := fmt.Sprintf("%[1]da %[1]db", len(want))
						want = append(want, name)
						require.NoError(t, a.logs.ConsumeLogs(t.Context(), events(strings.Fields(name)...)))
					}
					time.Sleep(20 * time.Second)
					moved = max(moved, values(t, tel, requeued)[requeued])
					a.stop()
				}
				assert.Positive(t, moved)
				r.failing(nil)
				a := board(t, disk, sinktest.New(r.answer), httpSink, settings...).start()
				time.Sleep(time.Minute)
				a.stop()
				all, attempts := map[string]bool{}, 0
				for _, name := range want {
					keys := r.of(name)
					require.NotEmpty(t, keys, name)
					require.Len(t, slices.Compact(slices.Clone(keys)), 1, name)
					_, err := uuid.Parse(keys[0])
					require.NoError(t, err)
					all[keys[0]] = true
					attempts += len(keys)
				}
				assert.Len(t, all, len(want), "each has its own")
				assert.Greater(t, attempts, len(want))
			})
		})
	}
}

func TestTheHeaderCanBeRenamedOrLeftOut(t *testing.T) {
	for settings, want := range map[string]map[string]bool{
		`{enabled: true}`:                     {"Idempotency-Key": true, "X-Batch-Id": false},
		`{enabled: true, header: x-batch-id}`: {"Idempotency-Key": false, "X-Batch-Id": true},
		`{enabled: false}`:                    {"Idempotency-Key": false, "X-Batch-Id": false},
	} {
		synctest.Test(t, func(t *testing.T) {
			shore := sinktest.New(func(ctx context.Context, _ sinktest.Attempt) error {
				for name, there := range want {
					assert.Equal(t, there, sinktest.Header(ctx).Get(name) != "", "%s: %s", settings, name)
				}
				return nil
			})
			a := board(t, storagetest.New(), shore, `{sink: {otlp_http: {endpoint: "http://shore.test"}}, idempotency: `+settings+`}`).start()
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("x")))
			time.Sleep(time.Second)
			assert.Len(t, shore.Attempts(), 1)
			a.stop()
		})
	}
}

// keyed is the context of a client that sends a key, as a receiver with include_metadata gives it.
func keyed(ctx context.Context, keys ...string) context.Context {
	return client.NewContext(ctx, client.Info{Metadata: client.NewMetadata(map[string][]string{"idempotency-key": keys})})
}

func TestAClientsKeyBecomesTheId(t *testing.T) {
	const own = "0190b8f4-7e1c-7cc3-98c4-dc0c0c07398f"
	synctest.Test(t, func(t *testing.T) {
		disk, r := storagetest.New(), newRegister()
		a := board(t, disk, sinktest.New(r.answer), plainSink).start()
		send := func(key, name string) string {
			t.Helper()
			before := len(r.of(name))
			// Without times: the key alone says that it is the same.
			require.NoError(t, a.logs.ConsumeLogs(keyed(t.Context(), key), sinktest.Logs(name)))
			time.Sleep(time.Second)
			keys := r.of(name)
			if len(keys) == before {
				return "duplicate"
			}
			return keys[len(keys)-1]
		}
		assert.Equal(t, own, send(own, "a"))
		assert.Equal(t, "duplicate", send(own, "a"))
		split := send(own, "b")
		assert.NotEqual(t, "duplicate", split, "a pipeline that takes a request apart loses nothing")
		assert.NotEqual(t, own, split)
		assert.Equal(t, "duplicate", send(own, "b"))
		plain := send("order 66", "c")
		_, err := uuid.Parse(plain)
		require.NoError(t, err)
		assert.Equal(t, "duplicate", send("order 66", "c"))
		assert.NotEqual(t, plain, send("order 67", "c"))
		assert.NotEqual(t, "duplicate", send("", "c"), "no key, and no fine times")
		assert.NotEqual(t, "duplicate", send("", "c"))
		require.NoError(t, a.logs.ConsumeLogs(keyed(t.Context(), own, own), sinktest.Logs("two keys are none")))
		require.NoError(t, a.metrics.ConsumeMetrics(keyed(t.Context(), own), sinktest.Metrics("m")))
		require.NoError(t, a.traces.ConsumeTraces(keyed(t.Context(), own), sinktest.Traces("s")))
		time.Sleep(time.Second)
		assert.NotEqual(t, []string{own}, r.of("two keys are none"))
		assert.Equal(t, []string{own}, r.of("m"), "each signal has its own")
		assert.Equal(t, []string{own}, r.of("s"))
		a.stop()

		a = board(t, disk, sinktest.New(r.answer), plainSink).start()
		assert.Equal(t, "duplicate", send(own, "a"))
		assert.Equal(t, "duplicate", send(own, "b"))
		a.stop()
		a = board(t, storagetest.New(), sinktest.New(r.answer), plainSink).start()
		assert.Equal(t, plain, send("order 66", "c"), "the id follows from the key")
		assert.Equal(t, own, send(own, "a"))
		assert.Equal(t, split, send(own, "b"))
		a.stop()
	})
}

// A client that sends always the same key: after a window its first batch is
// forgotten at the door, but not in the ledger. The next one must not be dropped for it.
func TestAConstantKeyLosesNothing(t *testing.T) {
	const own = "0190b8f4-7e1c-7cc3-98c4-dc0c0c07398f"
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Refuse(0, errNoLink))
		a := board(t, storagetest.New(), shore, plainSink, func(c *Config) { c.Idempotency.Window = time.Hour }).start()
		var want []string
		for n := range 300 {
			name := fmt.Sprint(n)
			want = append(want, name)
			require.NoError(t, a.logs.ConsumeLogs(keyed(t.Context(), own), sinktest.Logs(name)))
			time.Sleep(time.Minute)
			if n%60 == 50 {
				shore.Answer(sinktest.Take(0))
			} else if n%60 == 55 {
				shore.Answer(sinktest.Refuse(0, errNoLink))
			}
		}
		shore.Answer(sinktest.Take(0))
		time.Sleep(10 * time.Minute)
		assert.ElementsMatch(t, want, shore.Taken(pipeline.SignalLogs))
		a.stop()
	})
}

// What the storage did not take is never taken for a duplicate: the client comes again and gets in, once.
func TestAFailedEnqueueIsNotRemembered(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"batches": func(*Config) {}, "parcels": parcelsOf(100)} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
					a := board(t, disk, shore, plainSink, adjust).start()
					require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("first")))
					time.Sleep(time.Second)
					disk.Fail(func(ops []*storage.Operation) error {
						if slices.ContainsFunc(ops, stores) {
							return errors.New("input/output error")
						}
						return nil
					})
					requireComeAgain(t, a.logs.ConsumeLogs(t.Context(), events("x")))
					requireComeAgain(t, a.logs.ConsumeLogs(keyed(t.Context(), "key"), events("y")))
					disk.Fail(nil)
					time.Sleep(time.Minute)
					if restart {
						a.stop()
						a = board(t, disk, shore, plainSink, adjust).start()
					}
					for range 2 {
						require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("x")))
						require.NoError(t, a.logs.ConsumeLogs(keyed(t.Context(), "key"), events("y")))
					}
					time.Sleep(time.Minute)
					a.stop()
					assert.ElementsMatch(t, []string{"first", "x", "y"}, shore.Taken(pipeline.SignalLogs))
				})
			})
		}
	}
}

// What could not be remembered on disk when it came is, at the latest, at the
// shutdown, while the storage is open yet.
func TestAShutdownRemembersWhatIsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		a := board(t, disk, shore, plainSink).start()
		disk.Fail(func(ops []*storage.Operation) error {
			if strings.HasPrefix(ops[0].Key, "seen/") {
				return errors.New("input/output error")
			}
			return nil
		})
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("x")))
		synctest.Wait()
		disk.Fail(nil)
		a.stop()
		a = board(t, disk, shore, plainSink).start()
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), events("x")))
		time.Sleep(time.Second)
		a.stop()
		assert.Equal(t, []string{"x"}, shore.Taken(pipeline.SignalLogs))
	})
}

// stores an element or an entry of the journal.
func stores(op *storage.Operation) bool {
	return op.Type == storage.Set && (strings.HasPrefix(op.Key, "journal/") || strings.Trim(op.Key, "0123456789") == "")
}

// Duplicates that come at once wait for the first; where it fails, one of them gets in.
func TestDuplicatesThatComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(nil)
		first := true
		shore.Answer(func(context.Context, sinktest.Attempt) error {
			time.Sleep(100 * time.Millisecond)
			if first {
				first = false
				return errNoLink
			}
			return nil
		})
		// Without a queue the outcome takes as long as the link.
		a := board(t, storagetest.New(), shore, plainSink, func(c *Config) {
			c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
		}).start()
		var wg sync.WaitGroup
		var mu sync.Mutex
		failed := 0
		for range 10 {
			wg.Go(func() {
				if err := a.logs.ConsumeLogs(t.Context(), events("x")); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed++
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 1, failed)
		assert.Len(t, shore.Attempts(), 2)
		a.stop()
	})
}

// Two copies of a batch stand in the queue, as after a power cut in a move to
// the back: it is delivered once, whichever comes first, also when both are in hand at once.
func TestTwoCopiesInTheQueueAreDeliveredOnce(t *testing.T) {
	for _, consumers := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			disk, shore := storagetest.New(), sinktest.New(sinktest.Refuse(0, errNoLink))
			a := board(t, disk, shore, plainSink, func(c *Config) { c.Queue.Get().NumConsumers = consumers }).start()
			b := delivery.Batch{ID: newID(), Payload: payload.FromLogs(events("x", "y")), History: &delivery.History{FirstSeen: time.Now()}}
			h := a.logs.(*logsExporter).handle
			for range 3 {
				require.NoError(t, h.store(t.Context(), b, sizeOf(&element.Element{Batch: b})))
			}
			time.Sleep(time.Minute)
			shore.Answer(sinktest.Take(time.Second))
			time.Sleep(5 * time.Minute)
			a.stop()
			assert.Equal(t, []string{"x", "y"}, shore.Taken(pipeline.SignalLogs))
			assert.Empty(t, disk.Items())
		})
	}
}

// The ship's clock is ten years ahead in one run, and back again in the next.
func TestTheClockMayJump(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	disk := storagetest.New()
	shores := []*sinktest.Shore{}
	for run, ahead := range []time.Duration{years, 0, years + time.Hour, years, 0} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(ahead)
			shore := sinktest.New(sinktest.Refuse(0, errNoLink))
			shores = append(shores, shore)
			a := board(t, disk, shore, plainSink, parcelsOf(3)).start()
			for n := range 7 {
				name := fmt.Sprintf("%d-%d", run, n)
				require.NoError(t, a.logs.ConsumeLogs(t.Context(), events(name)))
				require.NoError(t, a.logs.ConsumeLogs(t.Context(), events(name)))
				if run > 0 {
					require.NoError(t, a.logs.ConsumeLogs(t.Context(), events(fmt.Sprintf("%d-%d", run-1, n))))
				}
			}
			h := a.logs.(*logsExporter).handle
			for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-1, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
				b := delivery.Batch{ID: newID(), Payload: payload.FromLogs(events(fmt.Sprintf("%d %d", run, at.Unix()))), History: &delivery.History{FirstSeen: at}}
				require.NoError(t, h.store(t.Context(), b, sizeOf(&element.Element{Batch: b})))
			}
			time.Sleep(time.Minute)
			if run%2 == 1 {
				shore.Answer(sinktest.Take(0))
				time.Sleep(5 * time.Minute)
			}
			a.stop()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Take(0))
		shores = append(shores, shore)
		a := board(t, disk, shore, plainSink, parcelsOf(3)).start()
		time.Sleep(5 * time.Minute)
		a.stop()
	})
	taken := map[string]int{}
	for _, shore := range shores {
		for _, name := range shore.Taken(pipeline.SignalLogs) {
			taken[name]++
		}
	}
	assert.Len(t, taken, 5*10)
	for name, n := range taken {
		assert.Equal(t, 1, n, name)
	}
}
