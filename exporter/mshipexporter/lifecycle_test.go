package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pipeline"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

func TestCreateHasNoEffect(t *testing.T) {
	disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
	a := board(t, disk, shore, plainSink)
	entries, err := os.ReadDir(a.cfg.DeadLetter.Directory)
	require.NoError(t, err)
	assert.Empty(t, entries)
	assert.Zero(t, disk.Open())
	assert.Zero(t, shore.Starts())
	a.stop() // legal without a start
}

func TestTheLastSignalToStopClosesWhatAllShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, shore := storagetest.New(), sinktest.New(sinktest.Take(0))
		a := board(t, disk, shore, plainSink).start()
		assert.Equal(t, 3, shore.Running(), "a sink for each signal")
		assert.Equal(t, 3, disk.Open())
		a.stop()
		assert.Zero(t, shore.Running())
		assert.Zero(t, disk.Open())
	})
}

// TestShutdownIsPromptAndLosesNothing stops the exporter in every state; what
// it had acknowledged a new one delivers.
func TestShutdownIsPromptAndLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		answer sinktest.Script
		after  time.Duration
		adjust func(*Config)
	}{
		"breaker open":      {sinktest.Refuse(0, errNoLink), time.Minute, func(*Config) {}},
		"hanging far end":   {sinktest.Hang, time.Second, func(*Config) {}},
		"in its backoff":    {sinktest.Refuse(0, errNoLink), time.Second, func(c *Config) { c.CircuitBreaker.FailureThreshold = 1000 }},
		"a signal is held":  {sinktest.Refuse(0, consumererror.NewPermanent(errors.New("400"))), time.Minute, func(*Config) {}},
		"full queue":        {sinktest.Refuse(0, errNoLink), time.Minute, func(c *Config) { c.Queue.Get().QueueSize = 2000 }},
		"half-open, silent": {hangAfter(5), 61 * time.Second, func(*Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, shore := storagetest.New(), sinktest.New(c.answer)
				a := board(t, disk, shore, plainSink, c.adjust).start()
				var acked []string
				for n := range 40 {
					if a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))) == nil {
						acked = append(acked, fmt.Sprint(n))
					}
				}
				assert.NotEmpty(t, acked)
				time.Sleep(c.after)
				assert.Less(t, a.stop(), 5*time.Second)
				assert.Len(t, disk.Items(), len(acked))

				shore.Answer(sinktest.Take(0))
				a = board(t, disk, shore, plainSink).start()
				time.Sleep(time.Minute)
				a.stop()
				assert.ElementsMatch(t, acked, shore.Taken(pipeline.SignalLogs))
				assert.Empty(t, disk.Items())
			})
		})
	}
}

// hangAfter is a far end that refuses so many attempts and hangs on those that follow.
func hangAfter(refusals int) sinktest.Script {
	seen := make(chan struct{}, refusals)
	return func(ctx context.Context, a sinktest.Attempt) error {
		select {
		case seen <- struct{}{}:
			return errNoLink
		default:
			return sinktest.Hang(ctx, a)
		}
	}
}

// The far end refuses all logs and takes the rest: only the logs wait.
func TestARefusedSignalWaitsOnItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(func(_ context.Context, a sinktest.Attempt) error {
			if a.Signal == pipeline.SignalLogs {
				return consumererror.NewPermanent(errors.New("400 Bad Request"))
			}
			return nil
		})
		a := board(t, storagetest.New(), shore, plainSink).start()
		begin := time.Now()
		for n := range 60 {
			name := fmt.Sprint(n)
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(name, name+"b")))
			require.NoError(t, a.metrics.ConsumeMetrics(t.Context(), sinktest.Metrics(name)))
			require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces(name)))
			time.Sleep(time.Second)
			assert.Len(t, shore.Taken(pipeline.SignalMetrics), n+1)
			assert.Len(t, shore.Taken(pipeline.SignalTraces), n+1)
		}
		assert.Zero(t, a.lines("the circuit breaker is open"))
		assert.Equal(t, 1, a.lines("the signal is held"))
		requests := 0
		for _, at := range shore.Attempts() {
			if at.Signal == pipeline.SignalLogs && at.At.Sub(begin) > 10*time.Second {
				requests++
			}
		}
		assert.Less(t, requests, 10, "once it is held, the signal costs one request for each backoff")
		shore.Answer(sinktest.Take(0))
		time.Sleep(time.Minute)
		assert.Len(t, shore.Taken(pipeline.SignalLogs), 120)
		assert.Equal(t, 1, a.lines("the signal flows again"))
		assert.Zero(t, a.lines("parked"))
		a.stop()
	})
}

// One batch makes the far end fail while it takes the others: it gives up its
// turn twice, then it is parked.
func TestPoisonGoesToTheBackAndThenToTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(nil)
		a := board(t, storagetest.New(), shore, `{sink: {fakesink: {}}, retry_on_failure: {permanent_status_codes: []}}`)
		poison := func(_ context.Context, at sinktest.Attempt) error {
			if at.Records[0] == "poison" {
				return consumererror.NewPermanent(errors.New("refused for good"))
			}
			return nil
		}
		shore.Answer(poison)
		a.start()
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("poison")))
		for n := range 100 {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
			time.Sleep(time.Second)
		}
		assert.Len(t, shore.Taken(pipeline.SignalLogs), 100)
		assert.Equal(t, 1, a.lines("parked among the dead letters"))
		a.stop()
	})
}

// Where nothing can be parked the bad batch stays in the queue, in nobody's
// way, and the log says so, once; as soon as it can be, it is.
func TestParkingThatFailsIsToldOnceAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(func(_ context.Context, at sinktest.Attempt) error {
			if at.Records[0] == "bad" {
				return consumererror.NewPermanent(errors.New("400 Bad Request"))
			}
			return nil
		})
		disk := storagetest.New()
		var dlq string
		a := board(t, disk, shore, plainSink, func(c *Config) {
			dlq = filepath.Join(c.DeadLetter.Directory, "dlq")
			c.DeadLetter.Directory, c.DeadLetter.MaxPerHour = dlq, 1
		}).start()
		require.NoError(t, os.WriteFile(dlq, nil, 0o600))
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("bad")))
		const others = 120
		for n := range others {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
			time.Sleep(30 * time.Second)
		}
		assert.Len(t, shore.Taken(pipeline.SignalLogs), others)
		assert.Len(t, disk.Items(), 1)
		assert.Equal(t, 1, a.lines("parking fails"))
		assert.Zero(t, a.lines("parked among the dead letters"))

		require.NoError(t, os.Remove(dlq))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, a.lines("parked among the dead letters"))
		assert.Equal(t, 1, a.lines("batches can be parked again"))
		assert.Empty(t, disk.Items())
		a.stop()
	})
}

func TestWhatTheDoorRefusesTheClientKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		disk   func(*storagetest.Storage)
		adjust func(*Config)
	}{
		"full queue": {func(*storagetest.Storage) {}, func(c *Config) { c.Queue.Get().QueueSize = 500 }},
		"full disk":  {func(s *storagetest.Storage) { s.Fail(storagetest.Full) }, func(*Config) {}},
		"no queue": {func(*storagetest.Storage) {}, func(c *Config) {
			c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
		}},
		"no queue, refused for good": {func(*storagetest.Storage) {}, func(c *Config) {
			c.Queue = configoptional.None[exporterhelper.QueueBatchConfig]()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, shore := storagetest.New(), sinktest.New(sinktest.Refuse(0, errNoLink))
				if name == "no queue, refused for good" {
					shore.Answer(sinktest.Refuse(0, consumererror.NewPermanent(errNoLink)))
				}
				a := board(t, disk, shore, plainSink, c.adjust).start()
				c.disk(disk)
				var err error
				acked := 0
				for n := 0; err == nil && n < 100; n++ {
					if err = a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))); err == nil {
						acked++
					}
				}
				requireComeAgain(t, err)

				disk.Fail(nil)
				shore.Answer(sinktest.Take(0))
				time.Sleep(2 * time.Minute)
				assert.Len(t, shore.Taken(pipeline.SignalLogs), acked)
				require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("again")))
				time.Sleep(time.Second)
				assert.Len(t, shore.Taken(pipeline.SignalLogs), acked+1)
				a.stop()
				requireComeAgain(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("too late")))
			})
		})
	}
}

// requireComeAgain: every OTLP client keeps what it is refused so, and comes again.
func requireComeAgain(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.False(t, consumererror.IsPermanent(err))
	st, ok := status.FromError(err)
	require.True(t, ok)
	require.Equal(t, codes.Unavailable, st.Code())
	require.Len(t, st.Details(), 1)
	delay := st.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration()
	assert.GreaterOrEqual(t, delay, time.Second)
	assert.LessOrEqual(t, delay, 30*time.Second)
}
