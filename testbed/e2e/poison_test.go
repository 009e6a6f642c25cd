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

// poisonBatch is how many records a client's request holds.
const poisonBatch = 200

func TestPoisonRecordsAreParkedAloneAndTheOthersDelivered(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			requirePoisonIsParkedAlone(t, sink)
		})
	}
}

func requirePoisonIsParkedAlone(t *testing.T, sink string) {
	t.Helper()
	const batches = 100
	bad := func(id int64) bool { return id%poisonBatch == (id/poisonBatch*37)%poisonBatch } // one in each batch, nowhere twice
	s := newScene(t, agent.Config{Sink: sink})
	s.shore.SetFault(shore.RejectRecords(bad))
	s.awaitDone(s.send(load.Plan{Records: batches * poisonBatch, Batch: poisonBatch}))
	s.awaitDrained()

	balance := s.tally()
	require.Empty(t, s.ledger.Dropped())
	assert.Equal(t, batches*poisonBatch, balance.Acknowledged)
	assert.Equal(t, batches*(poisonBatch-1), balance.Delivered)
	assert.True(t, balance.Exact(), "every record is in one place, once")
	letters := s.deadLetters()
	assert.Len(t, letters, batches)
	for _, letter := range letters {
		require.Len(t, letter.IDs, 1, letter.Path)
		assert.True(t, bad(letter.IDs[0]), "record %d is good", letter.IDs[0])
		assert.Equal(t, "rejected", letter.Reason)
		assert.Equal(t, 400, letter.Status)
		assert.Contains(t, letter.Message, "a record is not acceptable")
		assert.Equal(t, record.Signals()[letter.IDs[0]/poisonBatch%3], letter.Signal)
	}
	assert.InDelta(t, batches, s.metric("mship_dead_letter_entries_total", "reason", "rejected"), 0)
	assert.Zero(t, s.metric("mship_sink_circuit_open_total"))
}

// 413 says nothing about the records: the batch is halved until it fits.
func TestWhatIsTooLargeIsHalvedUntilItFits(t *testing.T) {
	t.Parallel()
	const records = 6000
	s := newScene(t, agent.Config{Compression: "none"})
	s.shore.SetFault(shore.RejectLargerThan(20_000))
	s.awaitDone(s.send(load.Plan{Records: records, Batch: 1000})) // a quarter of a megabyte each
	s.awaitDrained()
	largest := 0
	for _, e := range s.shore.Requests() {
		if e.Taken {
			largest = max(largest, e.Bytes)
		}
	}
	assert.LessOrEqual(t, largest, 20_000)
	assert.Greater(t, largest, 5_000, "it is halved no more than it takes")
	assert.Empty(t, s.requireNothingLost(records).Duplicated)
}

// A batch that makes the far end fail, while it takes the others, gives up its
// turn twice. In the third round it is parked, whole: a 500 names no record.
func TestBatchThatMakesTheFarEndFailIsParkedInTheEnd(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records, perBatch, bad = 12_000, 20, 1000 // the number of the bad batch's first record
			s := newScene(t, agent.Config{
				Sink:    sink,
				Retry:   agent.Retry{InitialInterval: 50 * time.Millisecond, MaxInterval: 100 * time.Millisecond, MaxRetries: 4},
				Breaker: agent.Breaker{FailureThreshold: 100},
			})
			s.shore.SetFault(shore.When(func(r shore.Request) bool { return r.Records[0] == bad }, shore.Status(500)))
			sent := s.send(load.Plan{Records: records, Rate: 1500, Batch: perBatch, Mix: []record.Signal{record.Logs}})
			s.await(prompt, "it goes to the back of the queue", func() bool { return s.metric("mship_queue_requeued_total") >= 1 })
			s.awaitDone(sent)
			s.awaitDrained()

			balance := s.tally()
			require.Empty(t, s.ledger.Dropped())
			assert.Equal(t, records-perBatch, balance.Delivered)
			assert.True(t, balance.Exact(), "every record is in one place, once")
			letters := s.deadLetters()
			require.Len(t, letters, 1)
			assert.Equal(t, load.Batch{From: bad, N: perBatch}.IDs(), letters[0].IDs)
			assert.Equal(t, "poison", letters[0].Reason)
			assert.Equal(t, 500, letters[0].Status)
			assert.InDelta(t, 2, s.metric("mship_queue_requeued_total"), 0)
			assert.Zero(t, s.metric("mship_sink_circuit_open_total"))
		})
	}
}

func TestFarEndThatRefusesEverythingCondemnsNothing(t *testing.T) {
	t.Parallel()
	const (
		batches = 60
		records = batches * poisonBatch
		refused = 60 * time.Second
		// With the default backoff: after 0.5, 1, 2, 4, 8, 16 and 30 s, so at most 7 in 60 s.
		probes    = 7
		consumers = 10 // the default; all may be on the wire before the first has its answer
	)
	s := newScene(t, agent.Config{})
	s.shore.SetFault(shore.Status(400, shore.WithBody("text/plain", "zstd is not supported")))
	begin := time.Now()
	s.awaitDone(s.send(load.Plan{Records: records, Batch: poisonBatch}))
	s.await(prompt, "all signals are held", func() bool { return s.metric("mship_signal_held") == 3 })
	s.through(refused-time.Since(begin), "the breaker stays closed and nothing is parked", func() bool {
		page, err := s.agent.Scrape()
		require.NoError(t, err)
		state, _ := page.Value("mship_sink_circuit_state", nil)
		held, _ := page.Value("mship_signal_held", nil)
		return state == closed && held == 3 && len(s.deadLetters()) == 0
	})
	s.shore.SetFault(shore.Accept())
	rounds := map[record.Signal]int{}
	for batch, requests := range byBatch(s.shore.Requests()) {
		n := requireFewRequests(t, batch, requests)
		rounds[requests[0].Signal] += n
	}
	for signal, n := range rounds {
		t.Logf("%s: %d rounds in %s of 400", signal, n, refused)
		assert.LessOrEqual(t, n, consumers+probes, "%s are tried once per backoff", signal)
		assert.GreaterOrEqual(t, n, probes-1, "%s are tried at all", signal)
	}

	s.awaitDrained()
	balance := s.requireNothingLost(records)
	assert.True(t, balance.Exact(), "delivered more than once: %v", balance.Duplicated)
	assert.Zero(t, s.metric("mship_sink_circuit_open_total"))
}

// byBatch groups the requests that were refused by the client's request their records came with.
func byBatch(requests []shore.Entry) map[int64][]shore.Entry {
	batches := map[int64][]shore.Entry{}
	for _, e := range requests {
		if len(e.Records) > 0 && e.Status == 400 {
			batch := e.Records[0] / poisonBatch
			batches[batch] = append(batches[batch], e)
		}
	}
	return batches
}

// requireFewRequests requires that a batch was halved in its first round only,
// in at most 15 requests, and tried whole after that. It returns the number of rounds.
func requireFewRequests(t *testing.T, batch int64, requests []shore.Entry) (rounds int) {
	t.Helper()
	first := 0
	for _, e := range requests {
		whole := len(e.Records) == poisonBatch
		if whole {
			rounds++
		}
		require.True(t, whole || rounds == 1, "batch %d is halved again in round %d", batch, rounds)
		if rounds == 1 {
			first++
		}
	}
	require.LessOrEqual(t, first, 15, "batch %d in its first round", batch)
	return rounds
}
