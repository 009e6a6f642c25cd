package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/satellite"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// toll is what gRPC takes of a ship of 600 ms.
type toll struct {
	// parcel is how long the first 200 kB take on a connection that stands.
	parcel time.Duration
	// up and down are the bytes of a small request.
	up, down int
}

// With mship_dedup a shore asks no ship for its round trip, and takes its first
// parcel in one.
func TestTheShoreMeasuresNoShip(t *testing.T) {
	t.Parallel()
	sky := satellite.Start(t, satellite.Settings{OneWay: 300 * time.Millisecond})
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
	return fmt.Sprintf("200 kB in %.2f s, a small request %d bytes up and %d down", l.parcel.Seconds(), l.up, l.down)
}

// measure a shore with mship_dedup, or without.
func (l *toll) measure(t *testing.T, sky *satellite.Link, dedup bool) {
	t.Helper()
	cfg, err := agent.Shore(shore.Start(t).HTTPEndpoint())
	require.NoError(t, err)
	cfg.Dedup = dedup
	way := sky.To(t, agent.Start(t, cfg).GRPCEndpoint())
	require.NoError(t, way.Up())
	conn, err := grpc.NewClient(way.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	export := func(size int) {
		_, err := plogotlp.NewGRPCClient(conn).Export(context.WithoutCancel(t.Context()), parcel(size))
		require.NoError(t, err)
	}
	export(1) // it connects
	begun := time.Now()
	export(200_000)
	l.parcel = time.Since(begun)

	quiet := func() (up, down int) {
		time.Sleep(1500 * time.Millisecond) // all that flies has landed
		return way.FromShip.Total(), way.ToShip.Total()
	}
	const requests = 5
	up, down := quiet()
	for range requests {
		export(1)
	}
	allUp, allDown := quiet()
	l.up, l.down = (allUp-up)/requests, (allDown-down)/requests
}

// parcel is a request with a body of so many bytes.
func parcel(size int) plogotlp.ExportRequest {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("x", size))
	return plogotlp.NewExportRequestFromLogs(ld)
}
