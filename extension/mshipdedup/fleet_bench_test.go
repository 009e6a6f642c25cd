package mshipdedup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage"
)

const (
	ships = 2000
	// recordsEach is a request of 100 records of some 494 bytes.
	recordsEach = 100
	// leastRatio of the throughput without the extension.
	leastRatio = 0.9
	// rounds are of two voyages, with and without it, which follow each other: what
	// else the machine does hits both. Each comes first in every other one.
	rounds = 16
	// voyageRequests of all ships together: enough that the last ones' wait does not count.
	voyageRequests = 4 * ships
)

// BenchmarkFleet: 2,000 ships, each on a connection of its own, send to a shore
// with mship_dedup on mship_storage and to one without, in turn; an op is all rounds.
// It reports the requests per second of both, and the median of the rounds' ratios:
// a burst of other work hits one voyage and not the other.
func BenchmarkFleet(b *testing.B) {
	b.Run("http", func(b *testing.B) { fleet(b, byPost) })
	b.Run("grpc", func(b *testing.B) { fleet(b, byCall) })
}

// ship sends one request with a key.
type ship func(ctx context.Context, key string) error

// fleet launches ships; each makes its connection at its first request.
func fleet(b *testing.B, launch func(b *testing.B, s *shore) []ship) {
	b.Helper()
	with := ashore(b, mshipStorage(b))
	without := &shore{pipeline: &pipeline{}}
	stop := without.receive(b, hosts{})
	defer stop()
	defer func() { without.client.CloseIdleConnections(); _ = without.conn.Close() }()
	shores := [2][]ship{launch(b, without), launch(b, with)}
	for i := range shores {
		// They connect, and buffers, stacks and heap grow to what they need.
		require.NoError(b, sail(b.Context(), shores[i], voyageRequests, "first"))
	}
	var took [2]time.Duration
	var ratios []float64
	b.ResetTimer()
	for op := range b.N {
		for round := range rounds {
			var voyages [2]time.Duration
			for turn := range shores {
				i := (turn + round) % 2
				begin := time.Now()
				require.NoError(b, sail(b.Context(), shores[i], voyageRequests, fmt.Sprint(op, "-", round)))
				voyages[i] = time.Since(begin)
				took[i] += voyages[i]
			}
			ratios = append(ratios, voyages[0].Seconds()/voyages[1].Seconds())
		}
	}
	b.StopTimer()
	assert.Equal(b, without.tried(), with.tried(), "all keys are new")
	slices.Sort(ratios)
	ratio := (ratios[len(ratios)/2-1] + ratios[len(ratios)/2]) / 2
	perSecond := func(t time.Duration) float64 { return float64(b.N*rounds*voyageRequests) / t.Seconds() }
	b.ReportMetric(perSecond(took[0]), "without-req/s")
	b.ReportMetric(perSecond(took[1]), "with-req/s")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(0, "ns/op")
	b.Logf("ratios of the rounds: %.2f", ratios)
	if ratio < leastRatio {
		b.Errorf("throughput with mship_dedup is %.2f of that without it, less than %.1f", ratio, leastRatio)
	}
}

// sail has all ships send until so many requests are done.
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

func byPost(b *testing.B, s *shore) []ship {
	b.Helper()
	body, err := cargo().MarshalProto()
	require.NoError(b, err)
	// One pool of as many connections as there are ships.
	transport := &http.Transport{MaxIdleConnsPerHost: ships, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{Transport: transport}
	send := func(ctx context.Context, key string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/v1/logs", bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header = http.Header{"Content-Type": {typeProtobuf}, "Idempotency-Key": {key}}
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
	fleet := make([]ship, ships)
	for i := range fleet {
		fleet[i] = send
	}
	return fleet
}

func byCall(b *testing.B, s *shore) []ship {
	b.Helper()
	fleet := make([]ship, ships)
	request := cargo()
	for i := range fleet {
		conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
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

func cargo() plogotlp.ExportRequest {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range recordsEach {
		r := records.AppendEmpty()
		r.SetTimestamp(1)
		r.Body().SetStr(strings.Repeat("engine room bilge level nominal ", 14))
		r.Attributes().PutInt("record", int64(i))
	}
	return plogotlp.NewExportRequestFromLogs(ld)
}

// mshipStorage is a real one.
func mshipStorage(b *testing.B) storage.Extension {
	b.Helper()
	factory := mshipstorage.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(map[string]any{"directory": b.TempDir()}).Unmarshal(cfg))
	ext, err := factory.Create(b.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(b, err)
	ctx := context.WithoutCancel(b.Context())
	require.NoError(b, ext.Start(ctx, componenttest.NewNopHost()))
	b.Cleanup(func() { assert.NoError(b, ext.Shutdown(ctx)) })
	return ext.(storage.Extension)
}
