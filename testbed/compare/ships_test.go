package compare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// ship sends one request with a key.
type ship func(ctx context.Context, key string) error

// launch makes ships that send to a shore. Each makes its own connection at its first request, and keeps it.
type launch func(b *testing.B, ashore *agent.Agent) []ship

// sail has all ships send, one request after the other, until so many are answered.
func sail(ctx context.Context, fleet []ship, requests int, voyage string) error {
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, len(fleet))
	for _, send := range fleet {
		all.Go(func() {
			for i := next.Add(1); i <= int64(requests); i = next.Add(1) {
				if err := send(ctx, fmt.Sprintf("0190b0f5-7a2c-7000-8000-%s-%d", voyage, i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

func byPost(b *testing.B, ashore *agent.Agent) []ship {
	b.Helper()
	body, err := cargo().MarshalProto()
	require.NoError(b, err)
	url := ashore.HTTPEndpoint() + record.Logs.Path()
	fleet := make([]ship, ships)
	for i := range fleet {
		transport := &http.Transport{DisableCompression: true}
		b.Cleanup(transport.CloseIdleConnections)
		c := &http.Client{Transport: transport}
		fleet[i] = func(ctx context.Context, key string) error { return post(ctx, c, url, key, body) }
	}
	return fleet
}

func post(ctx context.Context, c *http.Client, url, key string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = http.Header{"Content-Type": {"application/x-protobuf"}, "Idempotency-Key": {key}}
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return err
}

func byCall(b *testing.B, ashore *agent.Agent) []ship {
	b.Helper()
	request := cargo()
	fleet := make([]ship, ships)
	for i := range fleet {
		conn, err := grpc.NewClient(ashore.GRPCEndpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(b, err)
		b.Cleanup(func() { _ = conn.Close() })
		c := plogotlp.NewGRPCClient(conn)
		fleet[i] = func(ctx context.Context, key string) error {
			_, err := c.Export(metadata.AppendToOutgoingContext(ctx, "idempotency-key", key), request)
			return err
		}
	}
	return fleet
}

// cargo is a request of 100 records of some 494 bytes.
func cargo() plogotlp.ExportRequest {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 100 {
		r := records.AppendEmpty()
		r.SetTimestamp(1)
		r.Body().SetStr(strings.Repeat("engine room bilge level nominal ", 14))
		r.Attributes().PutInt("record", int64(i))
	}
	return plogotlp.NewExportRequestFromLogs(ld)
}
