package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// pause is what the shore asks for in these tests; far more than max_interval.
const pause = 7 * time.Second

// askers are the ways in which a far end asks to be left alone.
var askers = []struct {
	name, sink string
	ask        []shore.StatusOption
	dated      bool // it names a whole second of its clock
}{
	{"seconds", "otlp_http", []shore.StatusOption{shore.RetryAfter(pause)}, false},
	{"date", "otlp_http", []shore.StatusOption{shore.RetryAfterDate(pause)}, true},
	{"date of a shore whose clock is an hour ahead", "otlp_http", []shore.StatusOption{shore.RetryAfterDate(pause), shore.Skew(time.Hour)}, true},
	{"date of a shore whose clock is an hour behind", "otlp_http", []shore.StatusOption{shore.RetryAfterDate(pause), shore.Skew(-time.Hour)}, true},
	{"RetryInfo", "otlp_grpc", []shore.StatusOption{shore.RetryAfter(pause)}, false},
}

// impatient would be back within a second if nobody asked for more.
func impatient(sink string) agent.Config {
	return agent.Config{
		Sink:    sink,
		Retry:   agent.Retry{InitialInterval: 100 * time.Millisecond, MaxInterval: 500 * time.Millisecond},
		Breaker: agent.Breaker{OpenDuration: time.Second},
	}
}

func TestNothingIsSentBeforeTheFarEndAskedForIt(t *testing.T) {
	t.Parallel()
	for _, c := range askers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const first, records = 100, 2200
			s := newScene(t, impatient(c.sink), shore.WithFault(
				shore.Sequence(shore.Status(429, c.ask...), shore.Accept())))
			s.awaitDone(s.send(load.Plan{Records: first, Mix: []record.Signal{record.Logs}}))
			s.await(prompt, "the agent has heard the answer", func() bool { return s.metric("mship_sink_error_total") == 1 })

			// Every signal has much to send while the whole sink has to wait.
			s.awaitDone(s.send(load.Plan{Records: records - first, First: first, Rate: 300}))
			s.awaitDrained()
			requests := s.shore.Requests()
			require.Equal(t, 429, requests[0].Status)
			due := requests[0].Finished.Add(pause)
			if c.dated {
				due = due.Truncate(time.Second)
			}
			for _, e := range requests[1:] {
				assert.GreaterOrEqual(t, e.Arrived.Sub(due), time.Duration(0), "%s came before it was due", e.Signal)
			}
			t.Logf("the next request came %s after it was due", requests[1].Arrived.Sub(due).Round(time.Millisecond))
			s.requireNothingLost(records)
		})
	}
}

// A far end that says 429 for long is asked once per pause, although the
// breaker would probe seven times as often.
func TestEveryPauseIsHonoured(t *testing.T) {
	t.Parallel()
	for _, c := range askers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const records = 1500
			s := newScene(t, impatient(c.sink), shore.WithFault(shore.Status(429, c.ask...)))
			sent := s.send(load.Plan{Records: records, Rate: 300})
			s.awaitCircuit(open)
			awaitQuietWire(s)
			settled := time.Now()
			s.awaitDone(sent)

			s.await(time.Minute, "three requests", func() bool { return len(s.shore.RequestsSince(settled)) >= 3 })
			asked := s.shore.RequestsSince(settled)
			s.shore.SetFault(shore.Accept())
			for i, e := range asked[1:] {
				due := asked[i].Finished.Add(pause)
				if c.dated {
					due = due.Truncate(time.Second)
				}
				assert.GreaterOrEqual(t, e.Arrived.Sub(due), time.Duration(0), "request %d came before it was due", i+1)
			}
			s.awaitDrained()
			s.requireNothingLost(records)
		})
	}
}
