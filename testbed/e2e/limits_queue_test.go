package e2e_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// What the door asks a refused client to wait is the breaker's rest, in these bounds.
const leastDelay, mostDelay = time.Second, 30 * time.Second

// The limit is one for all signals of the exporter, in each of the units.
func TestAFullQueueSendsClientsAwayUntilItDrains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		queue agent.Queue
	}{
		{"bytes", agent.Queue{Sizer: "bytes", Size: 200_000}},
		{"items", agent.Queue{Sizer: "items", Size: 1000}},
		{"requests", agent.Queue{Sizer: "requests", Size: 10}},
		{"blocking", agent.Queue{Sizer: "requests", Size: 10, BlockOnOverflow: true}},
		{"in memory", agent.Queue{Sizer: "requests", Size: 10, InMemory: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const records = 6000
			s := newScene(t, agent.Config{Queue: c.queue, Breaker: agent.Breaker{OpenDuration: 3 * time.Second}})
			s.shore.Down()
			sent := s.send(load.Plan{Records: records})
			requireRefusals(s, "queue_full")

			before := s.ledger.AcknowledgedCount()
			require.Less(t, before, records/2, "the limit does not limit")
			require.NoError(t, s.shore.Up())
			s.awaitDone(sent)
			s.awaitDrained()
			t.Logf("acknowledged before the heal: %d; refusals: %v", before, s.ledger.Answers())
			assert.Empty(t, s.requireNothingLost(records).Duplicated)
		})
	}
}

// An empty queue takes any batch: else one that is larger than the queue could never come through.
func TestABatchLargerThanTheQueueComesThrough(t *testing.T) {
	t.Parallel()
	const records = 3000
	s := newScene(t, agent.Config{Queue: agent.Queue{Sizer: "bytes", Size: 1000}})
	s.awaitDone(s.send(load.Plan{Records: records, Batch: 1000}))
	s.awaitDrained()
	s.requireNothingLost(records)
}

// requireRefusals waits until clients of both protocols are sent away for that
// reason, as the OTLP specification asks for: to come again, and when.
func requireRefusals(s *scene, reason string) {
	s.t.Helper()
	s.await(prompt, "the door counts refusals: "+reason, func() bool {
		return s.metric("mship_door_refused_total", "sink", "shore", "reason", reason) > 0
	})
	overGRPC, err := load.NewGRPC(s.agent.GRPCEndpoint())
	require.NoError(s.t, err)
	defer func() { assert.NoError(s.t, overGRPC.Close()) }()
	overHTTP := load.NewHTTP(s.agent.HTTPEndpoint())
	defer func() { assert.NoError(s.t, overHTTP.Close()) }()

	// No client of the tally: what is taken all the same is delivered and nobody's loss.
	const strangers = 1_000_000
	batch := load.Batch{Signal: record.Logs, From: strangers, N: 100}
	byHTTP := awaitRefusal(s, overHTTP, batch)
	assert.Equal(s.t, 503, byHTTP.Status, byHTTP)
	byGRPC := awaitRefusal(s, overGRPC, batch)
	assert.Equal(s.t, codes.Unavailable, byGRPC.Code, byGRPC)
	for _, r := range []*load.Refusal{byHTTP, byGRPC} {
		assert.True(s.t, r.HasDelay, "no Retry-After or RetryInfo: %v", r)
		assert.GreaterOrEqual(s.t, r.Delay, leastDelay, r)
		assert.LessOrEqual(s.t, r.Delay, mostDelay, r)
	}
}

// awaitRefusal sends the batch until it is answered with a refusal. A machine so
// busy that the client is slower than read_header_timeout gives it no answer.
func awaitRefusal(s *scene, by load.Sender, b load.Batch) (refusal *load.Refusal) {
	s.t.Helper()
	s.await(prompt, "a refusal", func() bool {
		return errors.As(by.Send(s.t.Context(), b), &refusal) && refusal.Answered()
	})
	return refusal
}
