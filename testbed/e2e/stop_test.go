package e2e_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// stopTime is how long an agent may take from SIGTERM to its end.
const stopTime = 5 * time.Second

// never is a time that no test lives to see.
const never = time.Hour

// stops are the states in which an agent is told to stop. The clients send on
// through the stop and the restart.
var stops = []struct {
	name  string
	cfg   agent.Config
	plan  load.Plan
	fault func() shore.Fault // nil is a shore whose ports are closed
	// exact: what was taken before the stop is not sent again after it.
	exact bool
	// reached tells whether the agent is in that state.
	reached func(*scene) bool
}{
	{
		name:    "all is well",
		plan:    load.Plan{Records: 6000, Rate: 1000},
		fault:   shore.Accept,
		reached: func(s *scene) bool { return s.shore.Delivered() > 500 },
	},
	{
		name:    "breaker open",
		plan:    load.Plan{Records: 3000, Rate: 1000},
		reached: func(s *scene) bool { return s.metric("mship_sink_circuit_state") == open },
	},
	{
		name:  "half-open with a probe that hangs",
		cfg:   agent.Config{Timeout: never, Breaker: agent.Breaker{FailureThreshold: 1, OpenDuration: time.Second}, Queue: agent.Queue{Consumers: 1}},
		plan:  load.Plan{Records: 3000, Rate: 1000, Mix: []record.Signal{record.Logs}},
		fault: func() shore.Fault { return shore.Sequence(shore.Status(503), shore.Hang()) },
		reached: func(s *scene) bool {
			return s.metric("mship_sink_circuit_state") == halfOpen && s.shore.InFlight() == 1
		},
	},
	{
		name:    "far end hangs on every consumer",
		cfg:     agent.Config{Timeout: never, Breaker: agent.Breaker{Disabled: true}},
		plan:    load.Plan{Records: 6000, Rate: 3000},
		fault:   shore.Hang,
		reached: func(s *scene) bool { return s.shore.InFlight() == 30 },
	},
	{
		name:    "black hole",
		cfg:     agent.Config{Timeout: never, Breaker: agent.Breaker{Disabled: true}},
		plan:    load.Plan{Records: 6000, Rate: 3000},
		fault:   shore.Blackhole,
		reached: func(s *scene) bool { return s.metric("mship_sink_attempts_total") == 30 },
	},
	{
		name:    "slow uploads",
		cfg:     agent.Config{Compression: "none"},
		plan:    load.Plan{Records: 20_000, Batch: 4000, Mix: []record.Signal{record.Logs}},
		fault:   func() shore.Fault { return shore.Slow(32 << 10) },
		reached: func(s *scene) bool { return s.metric("mship_sink_attempts_total") == 5 },
	},
	{
		name:    "full queue",
		cfg:     agent.Config{Queue: agent.Queue{Sizer: "requests", Size: 10}},
		plan:    load.Plan{Records: 4000},
		reached: refusing("queue_full"),
	},
	{
		name:    "full queue, clients wait for room",
		cfg:     agent.Config{Queue: agent.Queue{Sizer: "requests", Size: 10, BlockOnOverflow: true}},
		plan:    load.Plan{Records: 4000},
		reached: refusing("queue_full"),
	},
	{
		name:    "full storage",
		cfg:     agent.Config{Overlay: smallStorage},
		plan:    load.Plan{Records: 20_000},
		reached: refusing("storage_full"),
	},
	{
		name:    "far end asked for an hour",
		plan:    load.Plan{Records: 3000, Rate: 1000},
		fault:   func() shore.Fault { return shore.Status(429, shore.RetryAfter(time.Hour)) },
		reached: func(s *scene) bool { return s.metric("mship_sink_error_total") > 0 },
	},
	{
		name:    "a signal is held",
		plan:    load.Plan{Records: 3000, Rate: 1000},
		fault:   func() shore.Fault { return shore.RejectSignal(record.Logs, 400) },
		reached: func(s *scene) bool { return s.metric("mship_signal_held", "signal", "logs") == 1 },
	},
	{
		name: "batches go to the back of the queue",
		cfg: agent.Config{
			Retry:   agent.Retry{InitialInterval: 400 * time.Millisecond, MaxInterval: 400 * time.Millisecond, MaxRetries: 3},
			Breaker: agent.Breaker{FailureThreshold: 10_000},
		},
		plan:    load.Plan{Records: 20_000, Rate: 2000, Mix: []record.Signal{record.Logs}},
		fault:   failsTheFirstBatches,
		reached: func(s *scene) bool { return s.metric("mship_queue_requeued_total") > 0 },
	},
	{
		name:    "halving, a part hangs",
		cfg:     agent.Config{Timeout: never, Breaker: agent.Breaker{Disabled: true}},
		plan:    load.Plan{Records: 2000, Batch: 200, Mix: []record.Signal{record.Logs}},
		fault:   hangsInTheSecondHalving,
		exact:   true,
		reached: func(s *scene) bool { return s.shore.InFlight() == 10 },
	},
}

// refusing: the door refuses for that reason.
func refusing(reason string) func(*scene) bool {
	return func(s *scene) bool { return s.metric("mship_door_refused_total", "reason", reason) > 0 }
}

// failsTheFirstBatches answers 500 to them while it takes the others. They are
// fewer than the consumers: what fails on all of them at once has no witness.
func failsTheFirstBatches() shore.Fault {
	first := func(r shore.Request) bool { return r.Records[0] < 500 }
	return shore.When(first, shore.Status(500))
}

// hangsInTheSecondHalving refuses every 200th record's batch and takes the good
// half of it; what is smaller hangs.
func hangsInTheSecondHalving() shore.Fault {
	return shore.FaultFunc(func(r shore.Request) shore.Verdict {
		bad := slices.ContainsFunc(r.Records, func(id int64) bool { return id%200 == 150 })
		switch {
		case len(r.Records) < 100:
			return shore.Hang().Decide(r)
		case bad:
			return shore.Status(400).Decide(r)
		default:
			return shore.Accept().Decide(r)
		}
	})
}

func TestSIGTERMEndsTheAgentInEveryState(t *testing.T) {
	t.Parallel()
	for _, c := range stops {
		for _, sink := range []string{"otlp_http", "otlp_grpc"} {
			t.Run(c.name+", "+sink, func(t *testing.T) {
				t.Parallel()
				cfg := c.cfg
				cfg.Sink = sink
				s := newScene(t, cfg)
				if c.fault == nil {
					s.shore.Down()
				} else {
					s.shore.SetFault(c.fault())
				}
				sent := s.send(c.plan)
				s.await(prompt, c.name, func() bool { return c.reached(s) })
				requireCleanStop(s)
				require.NoError(t, s.agent.Restart(), "the outage is not over")
				requireCleanStop(s)

				s.shore.SetFault(shore.Accept())
				require.NoError(t, s.shore.Up())
				require.NoError(t, s.agent.Restart())
				s.awaitDone(sent)
				s.awaitDrained()
				balance := s.requireNothingLost(c.plan.Records)
				assert.True(t, !c.exact || balance.Exact(), "taken parts were sent again")
			})
		}
	}
}

func TestSIGTERMEndsAnIdleAgent(t *testing.T) {
	t.Parallel()
	requireCleanStop(newScene(t, agent.Config{}))
}

// The worst sum of waits: the receiver stops HTTP and then gRPC while clients of
// both wait for room, and then the exporter gives what is on the wire its time.
func TestSIGTERMDoesNotWaitForRoom(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records = 1000
			s := newScene(t, agent.Config{
				Sink: sink, Timeout: never, Breaker: agent.Breaker{Disabled: true},
				Queue: agent.Queue{Sizer: "requests", Size: records / 100, BlockOnOverflow: true},
			})
			s.shore.SetFault(shore.Hang())
			s.awaitDone(s.send(load.Plan{Records: records}))
			calm := crowd(s)
			s.await(prompt, "clients are sent away after their wait", func() bool {
				return s.metric("mship_door_refused_total", "reason", "queue_full") >= 20
			})
			requireCleanStop(s)
			calm()

			s.shore.SetFault(shore.Accept())
			require.NoError(t, s.agent.Restart())
			s.awaitDrained()
			s.requireNothingLost(records)
		})
	}
}

// crowd sends from many clients that never pause, until calm is called. What
// they send is not in the tally.
func crowd(s *scene) (calm func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var clients sync.WaitGroup
	for i := range int64(16) {
		clients.Go(func() {
			<-time.After(time.Duration(i) * 60 * time.Millisecond) // so that some wait at any time
			for ctx.Err() == nil {
				_ = s.sender.Send(ctx, load.Batch{Signal: record.Logs, From: 1_000_000 + i, N: 1}) // refused, as it should be
				<-time.After(10 * time.Millisecond)                                                // once the ports are closed, refused at once
			}
		})
	}
	calm = func() { cancel(); clients.Wait() }
	s.t.Cleanup(calm)
	return calm
}

// Clients keep connections in reserve: Go's own dials one more than it needs.
// (A mute connection to the gRPC port does hold up a stop, for gRPC's two
// minutes of patience with a handshake, which the receiver cannot shorten.)
func TestSIGTERMDoesNotWaitForAClientThatSaysNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, agent.Config{})
	mute, err := net.Dial("tcp", strings.TrimPrefix(s.agent.HTTPEndpoint(), "http://"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, mute.Close()) }()
	requireCleanStop(s)
}

func requireCleanStop(s *scene) {
	s.t.Helper()
	exit := s.agent.Stop()
	s.t.Logf("after SIGTERM: %s", exit)
	require.False(s.t, exit.Forced, "SIGTERM did not do: %s", s.agent.Log().Tail(20))
	assert.Zero(s.t, exit.Code)
	assert.Less(s.t, exit.Took, stopTime)
}
