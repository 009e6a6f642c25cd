package shore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestSlowHoldsTheClientBack(t *testing.T) {
	t.Parallel()
	for _, protocol := range []shore.Protocol{shore.HTTP, shore.GRPC} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			const bytesPerSecond = 128 << 10
			s := shore.Start(t, shore.WithFault(shore.Slow(bytesPerSecond)))
			client := senderTo(t, s, protocol)
			begin := time.Now()
			require.NoError(t, client.Send(t.Context(), load.Batch{Signal: record.Logs, N: 1000}))
			took := time.Since(begin)

			e := s.Requests()[0]
			assert.Equal(t, shore.Accepted, e.Fate)
			assert.Equal(t, 1000, s.Delivered())
			assert.Greater(t, took, time.Duration(e.Bytes)*time.Second/bytesPerSecond*9/10)

			s.SetFault(shore.Accept()) // the same connection is wide again: no limiter is left
			require.NoError(t, client.Send(t.Context(), load.Batch{Signal: record.Logs, From: 1000, N: 1000}))
			assert.Equal(t, 2000, s.Delivered())
		})
	}
}

// senderTo is a client of the shore itself.
func senderTo(t *testing.T, s *shore.Shore, protocol shore.Protocol) load.Sender {
	t.Helper()
	var client load.Sender = load.NewHTTP(s.HTTPEndpoint())
	if protocol == shore.GRPC {
		overGRPC, err := load.NewGRPC(s.GRPCEndpoint())
		require.NoError(t, err)
		client = overGRPC
	}
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	return client
}
