package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// roundTrip of a geostationary link.
const roundTrip = 600 * time.Millisecond

var errNoLink = errors.New("no route to host")

// TestAfterAnOutageOfHoursEverythingGoesAtOnce heals a link of 600 ms after
// three hours, at many phases of the breaker's rest, with the real
// exporterhelper and ten consumers for each signal. What was stuck is ashore
// within open_duration and 3 s of the heal, and all of it is on its way within
// a second of the first success, however long the configured backoff.
func TestAfterAnOutageOfHoursEverythingGoesAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		open, maxInterval time.Duration
		phases            int
	}{
		{60 * time.Second, 30 * time.Second, 20},
		{120 * time.Second, 60 * time.Second, 20},
		{5 * time.Second, 60 * time.Second, 4}, // two thousand probes in each
	} {
		t.Run(fmt.Sprintf("open %s, max_interval %s", c.open, c.maxInterval), func(t *testing.T) {
			t.Parallel()
			for phase := range c.phases {
				outage := 3*time.Hour + c.open*time.Duration(phase)/time.Duration(c.phases) + 7*time.Millisecond
				synctest.Test(t, func(t *testing.T) { healAfter(t, outage, c.open, c.maxInterval) })
			}
		})
	}
}

func healAfter(t *testing.T, outage, open, maxInterval time.Duration) {
	shore := sinktest.New(sinktest.Refuse(roundTrip, errNoLink))
	a := board(t, storagetest.New(), shore, plainSink, func(c *Config) {
		c.CircuitBreaker.OpenDuration = open
		c.Retry.BackOff.MaxInterval = maxInterval
	}).start()
	const batches = 10 // of each signal, one for each consumer
	var want []string
	for n := range batches {
		name := fmt.Sprint(n)
		want = append(want, name)
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(name)))
		require.NoError(t, a.metrics.ConsumeMetrics(t.Context(), sinktest.Metrics(name)))
		require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces(name)))
	}
	time.Sleep(outage)
	probes := int(outage / open)
	assert.LessOrEqual(t, len(shore.Attempts()), probes+3*3*batches, "at most one probe for each rest, after the breaker opened")

	shore.Answer(sinktest.Take(roundTrip))
	time.Sleep(open + 3*time.Second)
	for _, signal := range []pipeline.Signal{pipeline.SignalLogs, pipeline.SignalMetrics, pipeline.SignalTraces} {
		assert.ElementsMatch(t, want, shore.Taken(signal), "%s, healed after %s", signal, outage)
	}
	first := time.Time{}
	for _, at := range shore.Attempts() {
		switch {
		case at.Err != nil:
		case first.IsZero():
			first = at.Done
		default:
			assert.LessOrEqual(t, at.At.Sub(first), time.Second, "it goes within a second of the first success")
		}
	}
	a.stop()
}

// A week without a link: nothing is lost, the log stays short, the collector
// hears that the component is ill, and well again.
func TestAWeekOfOutageIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Refuse(roundTrip, errNoLink))
		a := board(t, storagetest.New(), shore, plainSink).start()
		for n := range 30 {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
			require.NoError(t, a.traces.ConsumeTraces(t.Context(), sinktest.Traces(fmt.Sprint(n))))
		}
		time.Sleep(7 * 24 * time.Hour)
		assert.Less(t, a.log.Len(), 20)
		assert.Equal(t, 1, a.lines("the circuit breaker is open"))
		shore.Answer(sinktest.Take(roundTrip))
		time.Sleep(5 * time.Minute)
		assert.Len(t, shore.Taken(pipeline.SignalLogs), 30)
		assert.Len(t, shore.Taken(pipeline.SignalTraces), 30)
		assert.Equal(t, 1, a.lines("the circuit breaker is closed"))
		a.stop()

		var ill, well int
		for _, e := range a.host.Statuses() {
			switch e.Status() {
			case componentstatus.StatusRecoverableError:
				ill++
				assert.ErrorIs(t, e.Err(), errNoLink)
			case componentstatus.StatusOK:
				well++
			}
		}
		assert.Equal(t, 3, ill, "once for each signal")
		assert.Equal(t, 3, well)
	})
}

// A full queue that drains slowly takes a request and refuses the next: that is
// one line of the log, not two for each.
func TestAQueueThatIsFullForHoursIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Take(time.Second))
		a := board(t, storagetest.New(), shore, plainSink, func(c *Config) {
			c.Queue.Get().NumConsumers = 1
			c.Queue.Get().Sizer = exporterhelper.RequestSizerTypeRequests
			c.Queue.Get().QueueSize = 5
		}).start()
		taken, refused := 0, 0
		for range 3 * 60 * 60 * 4 { // four requests a second for three hours
			if a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")) == nil {
				taken++
			} else {
				refused++
			}
			time.Sleep(time.Second / 4)
		}
		assert.Greater(t, taken, 10_000)
		assert.Greater(t, refused, 10_000)
		assert.Equal(t, 1, a.lines("requests are refused at the door"))
		assert.Zero(t, a.lines("requests are taken again"), "it is not over")

		time.Sleep(time.Minute)
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("y")))
		assert.Equal(t, 1, a.lines("requests are taken again"))
		a.stop()
	})
}

// One batch is refused for good and cannot be parked, while the others are
// taken: the signal is held and flows again each time.
func TestASignalThatIsHeldAgainAndAgainIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(func(_ context.Context, at sinktest.Attempt) error {
			if at.Records[0] == "bad" {
				return consumererror.NewPermanent(errors.New("400 Bad Request"))
			}
			return nil
		})
		a := board(t, storagetest.New(), shore, plainSink, func(c *Config) { c.DeadLetter.Enabled = false }).start()
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("bad")))
		const others = 60 * 60
		for n := range others {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
			time.Sleep(time.Second)
		}
		// The last ones may meet the bad one at several probes, each with its backoff.
		for range 20 {
			time.Sleep(time.Minute)
			if len(shore.Taken(pipeline.SignalLogs)) == others {
				break
			}
		}
		assert.Len(t, shore.Taken(pipeline.SignalLogs), others)
		assert.Less(t, a.log.Len(), 20)
		assert.Equal(t, 1, a.lines("time after time"))

		time.Sleep(3 * time.Minute) // nobody but the bad one is left, so the signal is held, and steadily
		const held, flows = "the signal is held, the others flow on", "the signal flows again"
		heldBefore, flowsBefore := a.lines(held), a.lines(flows)
		shore.Answer(sinktest.Take(0))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, flowsBefore+1, a.lines(flows), "what is steady again is told again")
		shore.Answer(sinktest.Refuse(0, consumererror.NewPermanent(errors.New("400 Bad Request"))))
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("y")))
		time.Sleep(time.Minute)
		assert.Equal(t, heldBefore+1, a.lines(held))
		a.stop()
	})
}
