package e2e_test

import (
	"strings"
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
		Sink: "otlp_grpc", Timeout: 5 * time.Second, LogLevel: "debug",
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
	arrived := s.shore.RequestsSince(up)[0].Arrived
	let := lastHalfOpen(t, s.agent, arrived)
	if let.Before(up) {
		let = up // a probe was on its way to a closed port
	}
	t.Logf("first request %s after the heal, %s after the breaker let it", arrived.Sub(up).Round(time.Millisecond), arrived.Sub(let).Round(time.Millisecond))
	require.Less(t, arrived.Sub(let), time.Second)
	require.Less(t, arrived.Sub(up), rest+2500*time.Millisecond, "the rest, that second, and a probe that was under way")
	dials := len(s.agent.LogLines("createTransport failed"))
	t.Logf("%d dials failed in a minute", dials)
	require.LessOrEqual(t, dials, 3*5+int(time.Minute/rest)+5, "gRPC dials for our attempts, not by itself")
	s.awaitDrained()
	s.requireNothingLost(records)
}

// lastHalfOpen is when the breaker last let a probe go before that time, by the agent's log.
func lastHalfOpen(t *testing.T, a *agent.Agent, before time.Time) (last time.Time) {
	t.Helper()
	for _, line := range a.LogLines("the circuit breaker is half-open") {
		stamp, _, _ := strings.Cut(line, "\t")
		at, err := time.Parse("2006-01-02T15:04:05.000Z0700", stamp)
		require.NoError(t, err, line)
		if at.Before(before) {
			last = at
		}
	}
	require.False(t, last.IsZero(), "the breaker was never half-open")
	return last
}
