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
			u := newUplink(t, uplinkPlan{
				link: fmt.Sprintf("allowance: {bytes: %d, per: day, reset: %q}", allowed, timeOfDay(next)),
				sky:  satellite.Settings{OneWay: oneWay}, senders: []sender{{name: "shore", way: way, more: rested}},
			})
			records := u.loads(allowed * 3 / 2 / parcelBytes)
			u.arrives()
			u.awaitSent(allowed / 3)
			requireStops(t, u.agent)
			require.NoError(t, u.agent.Restart())
			u.requireCounted(allowed)
			u.awaitSent(allowed * 2 / 3)
			u.agent.Kill()
			require.NoError(t, u.agent.Restart())
			u.requireCounted(allowed)

			u.await(prompt, "it is used up", func() bool { return len(u.agent.LogLines("the allowance is used up")) > 0 })
			u.requireHeld(allowed, inLong(time.Now().Add(4*time.Second), next.Add(-time.Second)))
			if inLong(false, true) {
				<-time.After(time.Until(next))
				u.requireAshore(records)
				u.requireCounted(2 * allowed)
				assert.Len(t, u.agent.LogLines("a new period of the allowance has begun"), 1)
			}
			u.requireCapped()
		})
	}
}

// awaitSent waits until so many bytes have arrived at the ports.
func (u *uplink) awaitSent(bytes int) {
	u.t.Helper()
	u.await(drained, fmt.Sprintf("%d bytes have come", bytes), func() bool { return u.sent() >= bytes })
}

// cost is what went both ways.
func (u *uplink) cost() (bytes int) {
	for _, p := range u.ports {
		bytes += p.FromShip.Total() + p.ToShip.Total()
	}
	return bytes
}

// requireCounted compares what is left of so many bytes with what the ports saw.
func (u *uplink) requireCounted(allowed int) {
	u.t.Helper()
	u.await(prompt, "what is left is told", func() bool {
		_, told := u.agent.Metric("mship_link_allowance_remaining_bytes", nil)
		return told
	})
	before := u.cost()
	left := u.metric("mship_link_allowance_remaining_bytes", "link", "mship_link/vsat")
	after := u.cost()
	u.t.Logf("left %.0f, by the far side %d", left, allowed-after)
	assert.LessOrEqual(u.t, left, float64(allowed-before)+float64(allowed)/100)
	assert.GreaterOrEqual(u.t, left, float64(allowed-after)-float64(allowed)/100)
}

// requireHeld: the allowance is used up, wholly and not further, and so it stays until then, for no fault of anybody.
func (u *uplink) requireHeld(allowed int, until time.Time) {
	u.t.Helper()
	<-time.After(time.Second) // what flies lands
	cost := u.cost()
	u.t.Logf("used up: %d bytes of %d", cost, allowed)
	assert.LessOrEqual(u.t, u.sent(), allowed)
	assert.LessOrEqual(u.t, cost, allowed+allowed/500, "what comes back after the last byte, or to who is dead")
	assert.GreaterOrEqual(u.t, cost, allowed-allowed/100)
	u.through(time.Until(until), "nothing is sent", func() bool { return u.cost() == cost })
	assert.Zero(u.t, u.metric("mship_link_allowance_remaining_bytes"))
	u.requireCalm("shore")
}

// requireCalm: a sender that waits for the link has no failure to tell of.
func (u *uplink) requireCalm(name string) {
	u.t.Helper()
	assert.Zero(u.t, u.metric("mship_sink_timeout_total", "sink", name))
	assert.Zero(u.t, u.metric("mship_sink_circuit_open_total", "sink", name))
	assert.EqualValues(u.t, closed, u.metric("mship_sink_circuit_state", "sink", name))
}
