package mshiplink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	testRate  = 300_000
	testBurst = 75_000
	// stall is how long the receiver, on a busy machine, may sit on what has arrived.
	stall = testRate / 5
	// body is one request's, some of which are in flight when a connection breaks.
	body = 60_000
	span = 5 * time.Second
)

// way sends one request of so many bytes to a far side.
type way struct {
	serve func(t *testing.T, f *farSide)
	// client gives one member's way of sending, over its dialer.
	client func(t *testing.T, dial dialFunc, f *farSide) func(ctx context.Context, bytes int) error
}

var wayOf = map[string]way{
	"http":  {serveHTTP(false, false), httpClient(false, false)},
	"https": {serveHTTP(true, false), httpClient(true, false)},
	"http2": {serveHTTP(true, true), httpClient(true, true)},
	"grpc":  {serveGRPC, grpcClient},
}

func serveHTTP(secure, two bool) func(t *testing.T, f *farSide) {
	return func(t *testing.T, f *farSide) {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err == nil && two != (r.ProtoMajor == 2) {
				http.Error(w, r.Proto, http.StatusTeapot)
			}
		}))
		_ = s.Listener.Close()
		s.Listener, s.EnableHTTP2 = f, two
		s.Config.ErrorLog = nil
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
	}
}

func httpClient(secure, two bool) func(t *testing.T, dial dialFunc, f *farSide) func(context.Context, int) error {
	return func(t *testing.T, dial dialFunc, f *farSide) func(context.Context, int) error {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ForceAttemptHTTP2 = two
		scheme := "http://"
		if secure {
			scheme = "https://"
			transport.TLSClientConfig = insecureTLS(two)
		}
		transport.DialContext = dial
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport}
		return func(ctx context.Context, n int) error { return post(ctx, client, scheme+f.Addr().String(), n) }
	}
}

func post(ctx context.Context, client *http.Client, url string, n int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(make([]byte, n)))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return err
}

type sinkServer struct {
	plogotlp.UnimplementedGRPCServer
}

func (*sinkServer) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), nil
}

func serveGRPC(t *testing.T, f *farSide) {
	s := grpc.NewServer()
	plogotlp.RegisterGRPCServer(s, &sinkServer{})
	go func() { _ = s.Serve(f) }()
	t.Cleanup(s.Stop)
}

func grpcClient(t *testing.T, dial dialFunc, f *farSide) func(context.Context, int) error {
	conn, err := grpc.NewClient(f.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return dial(ctx, "tcp", address) }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return func(ctx context.Context, n int) error {
		_, err := plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequestFromLogs(logsOf(n)), grpc.WaitForReady(true))
		return err
	}
}

func logsOf(n int) plog.Logs {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("x", n))
	return ld
}

// backlog sends requests from so many goroutines, again and again, until the time is over.
func backlog(ctx context.Context, all *sync.WaitGroup, senders int, send func(context.Context, int) error) (failed *atomic.Int64) {
	failed = &atomic.Int64{}
	for range senders {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := send(ctx, body); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	return failed
}

// quiet is a machine that does nothing else, as in `make soak`: only there does
// a receiver know when a byte was sent, and have those who send all that they may.
func quiet() bool { return os.Getenv("MSHIP_LONG") != "" }

func requireCapped(t *testing.T, sides ...*farSide) {
	t.Helper()
	requireCap(t, testRate, 0.95, sides...)
}

// requireCap compares what arrived with the cap, and with the share of it that is to be used.
func requireCap(t *testing.T, limit int, used float64, sides ...*farSide) {
	t.Helper()
	most, rate := measure(sides...)
	t.Logf("most in a second %.3f of the rate, used %.3f", float64(most)/testRate, rate/testRate)
	assert.LessOrEqual(t, rate, float64(limit)+testBurst/span.Seconds())
	assert.GreaterOrEqual(t, rate, 0.3*testRate)
	if quiet() {
		assert.LessOrEqual(t, most, limit+testBurst+stall)
		assert.GreaterOrEqual(t, rate, used*testRate)
	}
}

func rated(more map[string]any) map[string]any {
	raw := map[string]any{"bytes_per_second": testRate, "burst": testBurst}
	for key, value := range more {
		raw[key] = value
	}
	return raw
}

// Two members share the cap 4 to 1, measured at the far sides.
func TestTheCapAtTheFarSide(t *testing.T) {
	t.Parallel()
	for name, w := range wayOf {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, nil, nil, rated(nil))
			heavy, light := listen(t), listen(t)
			w.serve(t, heavy)
			w.serve(t, light)
			ctx, cancel := context.WithTimeout(t.Context(), span)
			defer cancel()
			var all sync.WaitGroup
			dial, leave := a.Dialer("heavy", 4, true)
			defer leave()
			failed := backlog(ctx, &all, 4, w.client(t, dial, heavy))
			dial, leaveToo := a.Dialer("light", 1, true)
			defer leaveToo()
			backlog(ctx, &all, 4, w.client(t, dial, light))
			all.Wait()
			requireCapped(t, heavy, light)
			if quiet() {
				assert.InEpsilon(t, 4, float64(heavy.sum())/float64(light.sum()), 0.1)
			} else {
				assert.Greater(t, heavy.sum(), 2*light.sum())
			}
			assert.LessOrEqual(t, failed.Load(), int64(4), "those whose time was over")
			assert.NotZero(t, a.status().Rate)
		})
	}
}

// Retries after resets count too, and one who is alone has everything.
func TestTheCapWithResets(t *testing.T) {
	t.Parallel()
	for name, w := range wayOf {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, nil, nil, rated(nil))
			side := listen(t)
			w.serve(t, side)
			ctx, cancel := context.WithTimeout(t.Context(), span)
			defer cancel()
			dial, leave := a.Dialer("shore", 1, true)
			defer leave()
			var all sync.WaitGroup
			backlog(ctx, &all, 4, w.client(t, dial, side))
			all.Go(func() {
				for tick := time.NewTicker(700 * time.Millisecond); ctx.Err() == nil; {
					<-tick.C
					side.resets()
				}
			})
			all.Wait()
			used := 0.9 // what was in the socket at a reset never arrived
			if name == "grpc" {
				used = 0 // it waits a second before it dials again
			}
			requireCap(t, testRate, used, side)
		})
	}
}

// A stock exporter that names the link is capped the same.
func TestAStockExporterIsCapped(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	s := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })}
	go func() { _ = s.Serve(side) }()
	t.Cleanup(func() { _ = s.Close() })

	factory := otlphttpexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"endpoint": "http://" + side.Addr().String(), "compression": "none", "http2_read_idle_timeout": "10s",
		"middlewares": []any{map[string]any{"id": "mship_link/vsat"}}, "sending_queue": map[string]any{"enabled": false},
	}).Unmarshal(cfg))
	e, err := factory.CreateLogs(t.Context(), exporter.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), a.host))
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var all sync.WaitGroup
	backlog(ctx, &all, 4, func(ctx context.Context, n int) error { return e.ConsumeLogs(ctx, logsOf(n)) })
	all.Wait()
	require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context())))
	requireCapped(t, side)
	assert.InDelta(t, side.sum(), a.meters.of(others).up.Load(), 2*body, "what is counted is what arrives")
}
