package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// lost is the share of requests whose connection is reset when the shore has
// taken the data. Over gRPC all that is on the connection loses its answer.
var lost = map[string]float64{"otlp_http": 0.3, "otlp_grpc": 0.1}

// Three answers in ten get lost on their way to the ship, which sends again
// what it has no proof of. The back end knows no keys, and by its records alone,
// whose clock is coarse, nobody could tell a batch from an equal one.
func TestLostAnswersDoubleNothing(t *testing.T) {
	t.Parallel()
	for name, ashore := range ashores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothSinks(t, func(t *testing.T, sink string) {
				batches, size := inLong(1000, 10_000), 10
				ship := sailing(sink, agent.Batch{})
				ship.Retry.InitialInterval = 20 * time.Millisecond
				ship.Breaker.OpenDuration = 200 * time.Millisecond
				p := newPassage(t, ship, ashore)
				p.link.SetFault(shore.Share(lost[sink], shore.TakeAndReset()))
				sent := p.send(load.Plan{Records: batches * size, Batch: size, Coarse: true})
				p.await(inLong(drained, 20*time.Minute), "all of it is ashore", func() bool { return p.shore.Delivered() == batches*size })
				p.awaitDone(sent)
				p.awaitAshore()
				balance := p.requireOnce(batches * size)
				t.Logf("%d batches, sent again after a lost answer %d times: lost %d, duplicated %d",
					batches, p.link.Repeats(), len(balance.Lost), len(balance.Duplicated))
				// Of n+r attempts r were lost: three in ten, give or take.
				assert.Greater(t, float64(p.link.Repeats()), 0.25*float64(batches+p.link.Repeats()))
			})
		})
	}
}
