// Package e2e_test shows, on the built binary, what the README promises.
package e2e_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// How long to wait for what should come at once, and for a backlog to drain.
// Only a test that fails waits so long.
const (
	prompt  = 30 * time.Second
	drained = 90 * time.Second
)

// poll is how often a scene looks.
const poll = 100 * time.Millisecond

// inLong is how much or how long: `make soak` sets MSHIP_LONG for the long forms.
func inLong[T any](short, long T) T {
	if os.Getenv("MSHIP_LONG") != "" {
		return long
	}
	return short
}

// The breaker's states, as mship_sink_circuit_state numbers them.
const (
	closed = 0
	open   = 1
)

// scene is a ship, its shore, and the clients aboard.
type scene struct {
	t      *testing.T
	shore  *shore.Shore
	agent  *agent.Agent
	sender load.Sender // OTLP/HTTP and OTLP/gRPC in turn
	ledger *load.Ledger
}

// newScene starts a shore that accepts and an agent whose sink (cfg.Sink; "" is
// otlp_http) is that shore. All of it ends with the test.
func newScene(t *testing.T, cfg agent.Config, opts ...shore.Option) *scene {
	t.Helper()
	far := shore.Start(t, opts...)
	cfg.Endpoint = endpointOf(far, cfg.Sink)
	return boardScene(t, cfg, far)
}

// endpointOf is where a sink reaches a shore.
func endpointOf(far *shore.Shore, sink string) string {
	if sink == "otlp_grpc" {
		return far.GRPCEndpoint()
	}
	return far.HTTPEndpoint()
}

// boardScene starts the agent and its clients; far counts what has arrived.
func boardScene(t *testing.T, cfg agent.Config, far *shore.Shore) *scene {
	t.Helper()
	a := agent.Start(t, cfg)
	overGRPC, err := load.NewGRPC(a.GRPCEndpoint())
	require.NoError(t, err)
	sender := load.Alternate(load.NewHTTP(a.HTTPEndpoint()), overGRPC)
	t.Cleanup(func() { assert.NoError(t, sender.Close()) })
	return &scene{t: t, shore: far, agent: a, sender: sender, ledger: load.NewLedger()}
}

// send starts a load and returns a channel that is closed when all of it is
// acknowledged. A load still under way ends with the test.
func (s *scene) send(plan load.Plan) (done <-chan struct{}) {
	ended := make(chan struct{})
	ctx := s.t.Context()
	go func() {
		defer close(ended)
		load.Run(ctx, s.sender, plan, s.ledger)
	}()
	s.t.Cleanup(func() { <-ended })
	return ended
}

// await polls until cond holds; if it does not within patience, the test ends.
func (s *scene) await(patience time.Duration, what string, cond func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); <-time.After(poll) {
		if time.Now().After(deadline) {
			require.FailNow(s.t, "waited for "+patience.String()+" in vain: "+what)
		}
	}
}

// awaitDone waits for a load.
func (s *scene) awaitDone(done <-chan struct{}) {
	s.t.Helper()
	s.await(drained, "every record is acknowledged", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

// through lets d of real time go by. If cond does not hold all the while, the test ends.
func (s *scene) through(d time.Duration, what string, cond func() bool) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); <-time.After(poll) {
		if !cond() {
			require.FailNow(s.t, "it does not hold any more: "+what)
		}
	}
}

// metric is the sum of the samples of the agent's own metric that carry these
// labels, given as key, value, …; 0 if there is none or the page cannot be read.
func (s *scene) metric(name string, labels ...string) float64 {
	set := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		set[labels[i]] = labels[i+1]
	}
	value, _ := s.agent.Metric(name, set)
	return value
}

// awaitCircuit waits until the breaker is in that state.
func (s *scene) awaitCircuit(state float64) {
	s.t.Helper()
	s.await(prompt, "the circuit breaker changes", func() bool {
		got, ok := s.agent.Metric("mship_sink_circuit_state", nil)
		return ok && got == state
	})
}

// awaitDrained waits until the agent says that it has nothing left to deliver.
func (s *scene) awaitDrained() {
	s.t.Helper()
	s.await(drained, "the queue is empty", func() bool {
		depth, ok := s.agent.Metric("mship_queue_depth", nil)
		return ok && depth == 0
	})
}

// taken is how many records of the signal the shore took in requests that arrived at or after since.
func (s *scene) taken(since time.Time, signal record.Signal) (records int) {
	for _, e := range s.shore.RequestsSince(since) {
		if e.Taken && e.Signal == signal {
			records += len(e.Records)
		}
	}
	return records
}

// deadLetters reads all of them.
func (s *scene) deadLetters() []tally.DeadLetter {
	s.t.Helper()
	letters, err := tally.ReadDeadLetters(s.agent.DeadLetterDir())
	require.NoError(s.t, err)
	return letters
}

// tally makes up the balance and prints it.
func (s *scene) tally() tally.Tally {
	s.t.Helper()
	balance := tally.Compare(s.ledger.Acknowledged(), s.shore.Counts(), tally.ParkedIDs(s.deadLetters()))
	s.t.Logf("tally: %s; attempts on the wire since the last start: %.0f", balance, s.metric("mship_sink_attempts_total"))
	return balance
}

// requireNothingLost makes up the balance of a far end that is well again: all
// of the records are there, and none in the dead letters.
func (s *scene) requireNothingLost(records int) tally.Tally {
	s.t.Helper()
	balance := s.tally()
	require.Empty(s.t, s.ledger.Dropped(), "a client was told to give up")
	require.Equal(s.t, records, balance.Acknowledged)
	require.True(s.t, balance.Complete(), "lost: %s", tally.Ranges(balance.Lost))
	require.Empty(s.t, balance.Parked, "nothing may be parked")
	return balance
}
