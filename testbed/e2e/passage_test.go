package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// parcels is sending_queue::batch, small enough that a test sees many of them.
var parcels = agent.Batch{FlushTimeout: 200 * time.Millisecond, MinSize: 100, MaxSize: 200}

// passage is a scene with a link in the middle and an agent ashore.
//
//	clients ─▶ ship ─▶ link ─▶ ashore ─▶ back end
//	          agent   faults   gateway   shore, counts
//
// The scene's shore is the back end.
type passage struct {
	*scene
	link    *shore.Shore
	gateway *agent.Agent
}

// newPassage starts all of it: ashore is a kind of agent, such as agent.Forwarding.
func newPassage(t *testing.T, ship agent.Config, ashore func(agent.Config) agent.Config, opts ...shore.Option) *passage {
	t.Helper()
	backEnd := shore.Start(t, opts...)
	gateway := agent.Start(t, ashore(agent.Config{
		Sink: ship.Sink, Endpoint: endpointOf(backEnd, ship.Sink), Breaker: ship.Breaker, Queue: ship.Queue, Retry: ship.Retry,
	}))
	link := shore.Start(t, shore.RelayTo(gateway.HTTPEndpoint(), gateway.GRPCEndpoint()))
	ship.Endpoint = endpointOf(link, ship.Sink)
	return &passage{boardScene(t, ship, backEnd), link, gateway}
}

// awaitAshore waits until neither ship nor gateway has anything left to deliver.
func (p *passage) awaitAshore() {
	p.t.Helper()
	p.awaitDrained()
	p.await(drained, "the gateway's queue is empty", func() bool {
		depth, _ := p.gateway.Metric("mship_queue_depth", nil) // one that remembers has no queue
		return depth == 0 && p.shore.Delivered() >= p.ledger.AcknowledgedCount()
	})
}

// requireOnce makes up the balance: each record is at the back end, once, and in no dead letters.
func (p *passage) requireOnce(records int) tally.Tally {
	p.t.Helper()
	balance := p.requireNothingLost(records)
	letters, err := tally.ReadDeadLetters(p.gateway.DeadLetterDir())
	require.NoError(p.t, err)
	assert.Empty(p.t, letters, "nothing may be parked ashore")
	assert.Empty(p.t, balance.Duplicated, "delivered more than once: %s", balance)
	assert.Empty(p.t, append(p.link.ChangedKeys(), p.shore.ChangedKeys()...), "a batch has changed between two attempts")
	return balance
}

// start starts an agent that was killed.
func start(t *testing.T, a *agent.Agent) {
	t.Helper()
	require.NoError(t, a.Restart())
}

// bothSinks runs a test with either sink.
func bothSinks(t *testing.T, test func(t *testing.T, sink string)) {
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			test(t, sink)
		})
	}
}
