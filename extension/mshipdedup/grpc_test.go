package mshipdedup

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/otelcol-mship/otelcol-mship/internal/http2test"
)

// A ship has the whole window from the first byte on, and nothing is asked of it besides.
func TestWindows(t *testing.T) {
	t.Parallel()
	saidBy := func(s *shore) http2test.FlowControl {
		var tap http2test.Tap
		exportOften(t, s.grpc, grpc.WithContextDialer(tap.Dial))
		return tap.Came()
	}
	assert.Equal(t, http2test.FlowControl{Window: 4 << 20, Updates: 1}, saidBy(ashore(t, nil)), "the connection's window is updated once")

	left := saidBy(ashore(t, nil, func(c *Config) { c.GRPCWindowBytes = 0 }))
	assert.NotEqual(t, uint32(4<<20), left.Window)
	assert.Positive(t, left.Pings, "gRPC's own way")
	assert.Positive(t, left.Updates)
}

// exportOften sends five requests of 100 kB on one connection.
func exportOften(t *testing.T, target string, options ...grpc.DialOption) {
	t.Helper()
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ld := logs()
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetStr(strings.Repeat("x", 100_000))
	for range 5 {
		_, err = plogotlp.NewGRPCClient(conn).Export(context.WithoutCancel(t.Context()), plogotlp.NewExportRequestFromLogs(ld))
		require.NoError(t, err)
	}
}
