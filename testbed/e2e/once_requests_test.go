package e2e_test

import (
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

// Two times of a client: of one that knows microseconds, and of one that knows seconds.
var (
	fine   = time.Date(2026, 2, 3, 4, 5, 6, 789_123_456, time.UTC)
	coarse = fine.Truncate(time.Second)
)

// senders are the clients of a scene by what they speak.
func (s *scene) senders() map[string]load.Sender {
	s.t.Helper()
	overGRPC, err := load.NewGRPC(s.agent.GRPCEndpoint())
	require.NoError(s.t, err)
	asJSON := load.NewHTTP(s.agent.HTTPEndpoint())
	asJSON.JSON = true
	senders := map[string]load.Sender{"HTTP": load.NewHTTP(s.agent.HTTPEndpoint()), "JSON": asJSON, "gRPC": overGRPC}
	for _, c := range senders {
		s.t.Cleanup(func() { assert.NoError(s.t, c.Close()) })
	}
	return senders
}

// five sends the same request five times, one after the other and then, with
// other records, all at once. It gives the records.
func (s *scene) five(c load.Sender, b load.Batch) (records []int64) {
	s.t.Helper()
	for range 5 {
		require.NoError(s.t, c.Send(s.t.Context(), b))
	}
	together := b
	together.From += 100
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() { assert.NoError(s.t, c.Send(s.t.Context(), together)) })
	}
	clients.Wait()
	return append(b.IDs(), together.IDs()...)
}

// A client that has no answer sends the same once more. Equal bytes are the
// same event only if their records tell one instant from another.
func TestTheSameRequestFiveTimes(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]agent.Batch{"requests as they come": {}, "parcels": parcels} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, sailing("otlp_http", batch))
			want, next := map[int64]int{}, int64(0)
			duplicates := 0
			for _, c := range s.senders() {
				for _, signal := range record.Signals() {
					for at, times := range map[time.Time]int{fine: 1, coarse: 5} {
						if signal == record.Traces {
							times = 1 // they have span ids
						}
						for _, id := range s.five(c, load.Batch{Signal: signal, From: next, N: 3, At: at}) {
							want[id] = times
						}
						next += 1000
						duplicates += 2 * (5 - times)
					}
				}
			}
			s.awaitDrained()
			s.await(prompt, "all of it is ashore", func() bool { return s.shore.Delivered() == len(want) })
			assert.Equal(t, want, s.shore.Counts())
			assert.EqualValues(t, duplicates, s.metric("mship_door_duplicate_total", "sink", "shore"))
		})
	}
}

// The window is longer than the life of a process.
func TestTheSameRequestOverAKill(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]agent.Batch{"requests as they come": {}, "parcels": parcels} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, sailing("otlp_http", batch), shore.TakeOnce()) // a kill costs proof of delivery
			b := load.Batch{Signal: record.Logs, N: 5, At: fine}
			for range 3 {
				require.NoError(t, s.sender.Send(t.Context(), b))
				require.NoError(t, s.sender.Send(t.Context(), b), "over the other protocol")
				s.agent.Kill()
				start(t, s.agent)
			}
			s.awaitDrained()
			s.await(prompt, "it is ashore", func() bool { return s.shore.Delivered() == b.N })
			assert.Equal(t, map[int64]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1}, s.shore.Counts())
		})
	}
}
