package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
)

// minute is the first full minute that is not before at: the link's times of day know no seconds.
func minute(at time.Time) time.Time {
	return at.Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
}

func timeOfDay(at time.Time) string { return at.UTC().Format("15:04") }

// A plan's day is used up in the middle of a drain, over a stop and a kill: what the far side
// of the connection saw is what was counted, and not more than was allowed.
func TestAnAllowanceIsKeptOverStopsAndKills(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			allowed := inLong(2_500_000, 10_000_000)
			next := time.Now().Add(-6 * time.Hour) // tomorrow
			if inLong(false, true) {
				next = minute(time.Now().Add(50 * time.Second))
			}
			w := newAirway(t, airwayPlan{
				link: fmt.Sprintf("allowance: {bytes: %d, per: day, reset: %q}", allowed, timeOfDay(next)),
				sky:  satellite.Settings{OneWay: oneWay}, senders: []sender{{name: "shore", way: way, more: rested}},
			})
			records := w.loads(allowed * 3 / 2 / parcelBytes)
			w.arrives()
			w.awaitSent(allowed / 3)
			requireStops(t, w.agent)
			require.NoError(t, w.agent.Restart())
			w.requireCounted(allowed)
			w.awaitSent(allowed * 2 / 3)
			w.agent.Kill()
			require.NoError(t, w.agent.Restart())
			w.requireCounted(allowed)

			w.await(prompt, "it is used up", func() bool { return len(w.agent.LogLines("the allowance is used up")) > 0 })
			w.requireHeld(allowed, inLong(time.Now().Add(4*time.Second), next.Add(-time.Second)))
			if inLong(false, true) {
				<-time.After(time.Until(next))
				w.requireAshore(records)
				w.requireCounted(2 * allowed)
				assert.Len(t, w.agent.LogLines("a new period of the allowance has begun"), 1)
			}
			w.requireCapped()
		})
	}
}

// awaitSent waits until so many bytes have arrived at the ports.
func (w *airway) awaitSent(bytes int) {
	w.t.Helper()
	w.await(drained, fmt.Sprintf("%d bytes have come", bytes), func() bool { return w.sent() >= bytes })
}

// cost is what went both ways.
func (w *airway) cost() (bytes int) {
	for _, p := range w.ports {
		bytes += p.FromShip.Total() + p.ToShip.Total()
	}
	return bytes
}

// requireCounted compares what is left of so many bytes with what the ports saw.
func (w *airway) requireCounted(allowed int) {
	w.t.Helper()
	w.await(prompt, "what is left is told", func() bool {
		_, told := w.agent.Metric("mship_link_allowance_remaining_bytes", nil)
		return told
	})
	before := w.cost()
	left := w.metric("mship_link_allowance_remaining_bytes", "link", "mship_link/vsat")
	after := w.cost()
	w.t.Logf("left %.0f, by the far side %d", left, allowed-after)
	assert.LessOrEqual(w.t, left, float64(allowed-before)+float64(allowed)/100)
	assert.GreaterOrEqual(w.t, left, float64(allowed-after)-float64(allowed)/100)
}

// requireHeld: the allowance is used up, wholly and not further, and so it stays until then, for no fault of anybody.
func (w *airway) requireHeld(allowed int, until time.Time) {
	w.t.Helper()
	<-time.After(time.Second) // what flies lands
	cost := w.cost()
	w.t.Logf("used up: %d bytes of %d", cost, allowed)
	assert.LessOrEqual(w.t, w.sent(), allowed)
	assert.LessOrEqual(w.t, cost, allowed+allowed/500, "what comes back after the last byte, or to who is dead")
	assert.GreaterOrEqual(w.t, cost, allowed-allowed/100)
	w.through(time.Until(until), "nothing is sent", func() bool { return w.cost() == cost })
	assert.Zero(w.t, w.metric("mship_link_allowance_remaining_bytes"))
	w.requireCalm("shore")
}

// requireCalm: a sender that waits for the link has no failure to tell of.
func (w *airway) requireCalm(name string) {
	w.t.Helper()
	assert.Zero(w.t, w.metric("mship_sink_timeout_total", "sink", name))
	assert.Zero(w.t, w.metric("mship_sink_circuit_open_total", "sink", name))
	assert.EqualValues(w.t, closed, w.metric("mship_sink_circuit_state", "sink", name))
}
