package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
)

// gRPC keeps a backoff of its own for each connection. After a minute of
// refused ones it would wait about half a minute more, whatever our breaker says.
func TestAGRPCSinkSendsAsSoonAsTheBreakerLetsIt(t *testing.T) {
	t.Parallel()
	const rest, records = 2 * time.Second, 3000
	s := newScene(t, agent.Config{
		Sink: "otlp_grpc", Timeout: 5 * time.Second,
		Breaker: agent.Breaker{OpenDuration: rest},
	})
	s.awaitDone(s.send(load.Plan{Records: 300})) // the connection stands
	s.awaitDrained()

	s.shore.Down()
	sent := s.send(load.Plan{Records: records - 300, First: 300, Rate: 45}) // a minute
	<-sent
	require.Equal(t, 300, s.shore.Delivered())
	require.NoError(t, s.shore.Up())
	up := time.Now()

	s.await(prompt, "the first request after the outage", func() bool { return len(s.shore.RequestsSince(up)) > 0 })
	took := s.shore.RequestsSince(up)[0].Arrived.Sub(up)
	t.Logf("first request %s after the heal", took.Round(time.Millisecond))
	require.Less(t, took, rest+1500*time.Millisecond) // the rest, the second that is promised, and a slow machine
	s.awaitDrained()
	s.requireNothingLost(records)
}
