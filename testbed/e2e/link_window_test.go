package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
)

func windowed(from, to time.Time) string {
	return fmt.Sprintf("{from: %q, to: %q}", timeOfDay(from), timeOfDay(to))
}

const urgent, bulk = 0, 1

// newWindowed is an uplink with such windows, whose ports are up.
func newWindowed(t *testing.T, way, windows string) *uplink {
	t.Helper()
	u := newUplink(t, uplinkPlan{
		link: "windows: [" + windows + "]", sky: satellite.Settings{OneWay: oneWay},
		senders: []sender{{name: "urgent", way: way}, {name: "bulk", way: way, more: "timeout: 3s, urgent: false"}},
	})
	for _, p := range u.ports {
		require.NoError(t, p.Up())
	}
	return u
}

// Outside of the windows what is not urgent does not even connect, and that is no failure.
func TestOnlyTheUrgentGoesOutsideOfAWindow(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			u := newWindowed(t, way, windowed(now.Add(2*time.Hour), now.Add(3*time.Hour)))
			records := u.loads(u.parcelsFor(time.Second))
			u.await(prompt, "the urgent is ashore", func() bool { return u.shores[urgent].Delivered() == records })
			u.through(4*time.Second, "bulk does not flow", func() bool { return u.ports[bulk].FromShip.Total() == 0 })
			u.requireCalm("bulk")
			assert.Zero(t, u.metric("mship_sink_error_total", "sink", "bulk"))
			if made, _ := u.ports[bulk].Connections(); way == "http" {
				assert.Zero(t, made)
			}
			require.NoError(t, u.agent.RestartWith(func(cfg *agent.Config) {
				cfg.Vars["link"] = ", windows: [" + windowed(now.Add(-time.Hour), now.Add(time.Hour)) + "]"
			}))
			u.requireAshore(records)
			u.requireCapped()
		})
	}
}

// A window that closes holds what is on its way, and one that opens lets it go on.
func TestAWindowClosesAndOpensInTheMiddleOfADrain(t *testing.T) {
	t.Parallel()
	if !inLong(false, true) {
		t.Skip("times of day have minutes: it takes three of them")
	}
	for _, way := range []string{"http", "https", "grpc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			closes := minute(now.Add(20 * time.Second))
			opens := closes.Add(time.Minute)
			u := newWindowed(t, way, windowed(now.Add(-time.Hour), closes)+", "+windowed(opens, now.Add(2*time.Hour)))
			records := u.loads(u.parcelsFor(time.Until(closes) + 10*time.Second))
			<-time.After(time.Until(closes.Add(time.Second)))
			held := u.ports[bulk].FromShip.Total()
			assert.NotZero(t, held)
			require.Less(t, u.shores[bulk].Delivered(), records, "there is nothing left to hold")
			u.await(time.Until(opens), "the urgent is ashore", func() bool { return u.shores[urgent].Delivered() == records })
			u.through(time.Until(opens)-time.Second, "bulk does not flow", func() bool { return u.ports[bulk].FromShip.Total() == held })
			u.requireCalm("bulk")
			<-time.After(time.Until(opens))
			u.await(prompt, "bulk flows", func() bool { return u.ports[bulk].FromShip.Total() > held })
			u.requireAshore(records)
			u.requireCalm("bulk")
			u.requireCapped()
		})
	}
}
