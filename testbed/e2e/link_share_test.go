package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
)

// Two exporters share the link by their weights; who is alone has all of it.
func TestWeightsShareTheLink(t *testing.T) {
	alone(t)
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			alone(t)
			both, single := inLong(3*time.Second, 30*time.Second), inLong(2*time.Second, 10*time.Second)
			const heavy, light = 0, 1
			w := newAirway(t, airwayPlan{
				link: "burst: 65536", sky: satellite.Settings{OneWay: oneWay},
				senders: []sender{
					{name: "heavy", way: way, more: "link_weight: 4, " + rested},
					{name: "light", way: way, more: "link_weight: 1, " + rested},
				},
			})
			w.loads(w.parcelsFor(both + 2*single + inLong(8*time.Second, 18*time.Second)))
			since := w.arrives().Add(time.Second)
			<-time.After(time.Until(since.Add(both)))
			shares := w.share(since, both, heavy) / w.share(since, both, light)
			t.Logf("shares over %s: %.2f to 1", both, shares)
			if w.ran(since, both) {
				assert.InDelta(t, 4, shares, inLong(2, 0.4))
			}

			w.requireAlone(heavy, light, single)
			require.NoError(t, w.ports[light].Up())
			w.requireAlone(light, heavy, single)
			w.requireCapped()
		})
	}
}

// requireAlone takes the way of one sender down, and measures the other's.
func (w *airway) requireAlone(who, silent int, span time.Duration) {
	w.t.Helper()
	w.ports[silent].Down()
	before := w.ports[who].FromShip.Total()
	w.await(prompt, "it has the link", func() bool { return w.ports[who].FromShip.Total() > before+4*parcelBytes })
	since := time.Now().Add(inLong(time.Second, 5*time.Second)) // over gRPC the far end lets more come little by little
	w.requireUsed(since, span, inLong(0.5, 0.95), who)
}
