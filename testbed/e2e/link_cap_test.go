package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
)

// rested is an exporter that is soon back after the ports were down.
const rested = "circuit_breaker: {open_duration: 1s}"

// Two exporters on one link: the cap holds in every second, and is used.
func TestTheLinkIsFullAndNoFuller(t *testing.T) {
	alone(t)
	for name, c := range map[string]struct {
		resets float64
		used   float64
	}{
		"calm":   {0, inLong(0.5, 0.95)},
		"resets": {inLong(0.05, 0.02), inLong(0.4, 0.90)},
	} {
		for _, way := range []string{"http", "https", "grpc"} {
			t.Run(name+", "+way, func(t *testing.T) {
				alone(t)
				span := inLong(4*time.Second, time.Minute)
				w := newAirway(t, airwayPlan{
					link: "burst: 65536", sky: satellite.Settings{OneWay: oneWay},
					senders: []sender{{name: "shore", way: way, more: rested}, {name: "logs", way: way, more: rested}},
				})
				records := w.loads(w.parcelsFor(span+4*time.Second) / 2)
				since := w.arrives()
				w.sky.Resets(c.resets)
				w.requireUsed(since, span, c.used, 0, 1)
				w.requireAshore(records)
				w.requireCapped()
			})
		}
	}
}

// What the collector brings along is capped the same, by naming the link among its middlewares.
func TestStockExportersAreCappedTheSame(t *testing.T) {
	alone(t)
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			alone(t)
			span := inLong(4*time.Second, time.Minute)
			w := newAirway(t, airwayPlan{
				link: "burst: 65536", sky: satellite.Settings{OneWay: oneWay},
				senders: []sender{{name: "stock", way: way, stock: true, more: "timeout: 2m"}}, // it counts the wait for the link
			})
			records := w.loads(w.parcelsFor(span + 4*time.Second))
			w.requireUsed(w.arrives(), span, inLong(0.5, 0.95), 0)
			w.requireAshore(records)
			w.requireCapped()
			counted := w.metric("mship_link_bytes_total", "link", "mship_link/vsat", "direction", "up", "sink", "other")
			assert.InEpsilon(t, w.ports[0].FromShip.Total(), counted, 0.01, "what is counted is what arrives")
		})
	}
}
