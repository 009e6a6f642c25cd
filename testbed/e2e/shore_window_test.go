package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// toll is what gRPC takes of a ship that is so far away.
type toll struct {
	// parcel is how long the first 200 kB or so take on a connection that stands.
	parcel time.Duration
	// up and down are the bytes of a request of one record.
	up, down int
}

// With mship_dedup a shore asks no ship for its round trip, and takes its first
// parcel in one.
func TestTheShoreMeasuresNoShip(t *testing.T) {
	t.Parallel()
	sky := satellite.Start(t, satellite.Settings{OneWay: oneWay})
	with, without := &toll{}, &toll{}
	t.Run("shores", func(t *testing.T) {
		for name, found := range map[string]*toll{"with": with, "without": without} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				found.measure(t, sky, found == with)
			})
		}
	})
	t.Logf("with mship_dedup %s, without %s", with, without)
	assert.Less(t, with.parcel, without.parcel-400*time.Millisecond, "a round trip less, at least")
	assert.LessOrEqual(t, with.up, without.up-17, "no ping to answer")
	assert.LessOrEqual(t, with.down, without.down-30, "no ping, no window update")
}

func (l *toll) String() string {
	return fmt.Sprintf("200 kB in %.2f s, one record %d bytes up and %d down", l.parcel.Seconds(), l.up, l.down)
}

// measure a shore with mship_dedup, or without.
func (l *toll) measure(t *testing.T, sky *satellite.Link, dedup bool) {
	t.Helper()
	cfg, err := agent.Shore(shore.Start(t).HTTPEndpoint())
	require.NoError(t, err)
	cfg.Dedup = dedup
	way := sky.To(t, agent.Start(t, cfg).GRPCEndpoint())
	require.NoError(t, way.Up())
	client, err := load.NewGRPC(way.Address())
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	send := func(records int) {
		require.NoError(t, client.Send(t.Context(), load.Batch{Signal: record.Logs, N: records}))
	}
	send(1) // it connects
	begun := time.Now()
	send(720)
	l.parcel = time.Since(begun)

	quiet := func() (up, down int) {
		time.Sleep(5 * oneWay) // all that flies has landed
		return way.FromShip.Total(), way.ToShip.Total()
	}
	const requests = 5
	up, down := quiet()
	for range requests {
		send(1)
	}
	allUp, allDown := quiet()
	l.up, l.down = (allUp-up)/requests, (allDown-down)/requests
}
