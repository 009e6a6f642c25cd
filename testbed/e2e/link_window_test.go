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

// newWindowed is an airway with such windows, whose ports are up.
func newWindowed(t *testing.T, way, windows string) *airway {
	t.Helper()
	w := newAirway(t, airwayPlan{
		link: "windows: [" + windows + "]", sky: satellite.Settings{OneWay: oneWay},
		senders: []sender{{name: "urgent", way: way}, {name: "bulk", way: way, more: "timeout: 3s, urgent: false"}},
	})
	for _, p := range w.ports {
		require.NoError(t, p.Up())
	}
	return w
}

// Outside of the windows what is not urgent does not even connect, and that is no failure.
func TestOnlyTheUrgentGoesOutsideOfAWindow(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			w := newWindowed(t, way, windowed(now.Add(2*time.Hour), now.Add(3*time.Hour)))
			records := w.loads(w.parcelsFor(inLong(time.Second, 6*time.Second))) // the long form wants a second in which the link is full
			w.await(prompt, "the urgent is ashore", func() bool { return w.shores[urgent].Delivered() == records })
			w.through(4*time.Second, "bulk does not flow", func() bool { return w.ports[bulk].FromShip.Total() == 0 })
			w.requireCalm("bulk")
			assert.Zero(t, w.metric("mship_sink_error_total", "sink", "bulk"))
			if made, _ := w.ports[bulk].Connections(); way == "http" {
				assert.Zero(t, made)
			}
			require.NoError(t, w.agent.RestartWith(func(cfg *agent.Config) {
				cfg.Vars["link"] = ", windows: [" + windowed(now.Add(-time.Hour), now.Add(time.Hour)) + "]"
			}))
			w.requireAshore(records)
			w.requireCapped()
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
			w := newWindowed(t, way, windowed(now.Add(-time.Hour), closes)+", "+windowed(opens, now.Add(2*time.Hour)))
			records := w.loads(w.parcelsFor(time.Until(closes) + 10*time.Second))
			<-time.After(time.Until(closes.Add(time.Second)))
			held := w.ports[bulk].FromShip.Total()
			assert.NotZero(t, held)
			require.Less(t, w.shores[bulk].Delivered(), records, "there is nothing left to hold")
			w.await(time.Until(opens), "the urgent is ashore", func() bool { return w.shores[urgent].Delivered() == records })
			w.through(time.Until(opens)-time.Second, "bulk does not flow", func() bool { return w.ports[bulk].FromShip.Total() == held })
			w.requireCalm("bulk")
			<-time.After(time.Until(opens))
			w.await(prompt, "bulk flows", func() bool { return w.ports[bulk].FromShip.Total() > held })
			w.requireAshore(records)
			w.requireCalm("bulk")
			w.requireCapped()
		})
	}
}
