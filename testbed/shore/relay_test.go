package shore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// through sends one batch of each signal over both protocols, and counts the acknowledged ones.
func through(t *testing.T, link *shore.Shore, from int64) (acknowledged int) {
	t.Helper()
	overGRPC, err := load.NewGRPC(link.GRPCEndpoint())
	require.NoError(t, err)
	overHTTP := load.NewHTTP(link.HTTPEndpoint())
	defer func() { assert.NoError(t, overGRPC.Close()); assert.NoError(t, overHTTP.Close()) }()
	for _, s := range []load.Sender{overHTTP, overGRPC} {
		for _, signal := range record.Signals() {
			if s.Send(t.Context(), load.Batch{Signal: signal, From: from, N: 2}) == nil {
				acknowledged++
			}
			from += 2
		}
	}
	return acknowledged
}

func TestALinkHandsOnWhatItTakes(t *testing.T) {
	t.Parallel()
	far := shore.Start(t)
	link := shore.Start(t, shore.RelayTo(far.HTTPEndpoint(), far.GRPCEndpoint()))
	assert.Equal(t, 6, through(t, link, 0))
	assert.Equal(t, 12, far.Delivered())

	link.SetFault(shore.TakeAndReset())
	assert.Zero(t, through(t, link, 100), "the answers are lost")
	assert.Equal(t, 24, far.Delivered(), "the data is not")

	link.SetFault(shore.Reset())
	assert.Zero(t, through(t, link, 200))
	link.SetFault(shore.Accept())
	far.SetFault(shore.Status(503))
	assert.Zero(t, through(t, link, 300), "the answer is that of the server behind")
	last := link.Requests()[len(link.Requests())-6:]
	assert.Equal(t, 503, last[0].Status)
	assert.Equal(t, codes.Unavailable, last[5].Code)
	far.Down()
	assert.Zero(t, through(t, link, 400))
	assert.Equal(t, 24, far.Delivered())
	assert.Equal(t, 24, link.Delivered(), "taken is what the server behind took")
}

func TestShareOfRequests(t *testing.T) {
	t.Parallel()
	fault, bad := shore.Share(0.3, shore.Reset()), 0
	for range 10_000 {
		if fault.Decide(shore.Request{}).Do == shore.Abort {
			bad++
		}
	}
	assert.InDelta(t, 3000, bad, 200)
}
