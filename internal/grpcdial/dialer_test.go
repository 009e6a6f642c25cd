package grpcdial

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http/httpproxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/otelcol-mship/otelcol-mship/internal/http2test"
	"github.com/otelcol-mship/otelcol-mship/internal/proxytest"
)

// serve a far end that says that it is well.
func serve(t *testing.T, network, address string) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr()
}

// ask connects with the dialer and asks once.
func ask(t *testing.T, d Dialer, target string) error {
	t.Helper()
	conn, err := grpc.NewClient(target, append(d.Options(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

// counted is a dialer that counts what it dials, and how often a proxy stood between.
func counted(proxy *url.URL) (d Dialer, dials, proxied *atomic.Int64) {
	dials, proxied = new(atomic.Int64), new(atomic.Int64)
	env := httpproxy.Config{NoProxy: "127.0.0.1"}
	if proxy != nil {
		env.HTTPSProxy = proxy.String()
	}
	return Dialer{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
		Proxy:   env.ProxyFunc(),
		Proxied: func() { proxied.Add(1) },
	}, dials, proxied
}

// The proxy is asked for the target by its name: aboard nobody may know it.
func TestThroughAProxy(t *testing.T) {
	shore := serve(t, "tcp", "127.0.0.1:0").String()
	p := proxytest.Start(t, shore)
	d, dials, proxied := counted(p.URL(t, url.UserPassword("ship", "secret")))
	require.NoError(t, ask(t, d, "shore.invalid:4317"))
	assert.Equal(t, []string{"CONNECT shore.invalid:4317"}, p.Asked())
	assert.Equal(t, "Basic c2hpcDpzZWNyZXQ=", p.Authorization())
	assert.Equal(t, int64(1), dials.Load())
	assert.Equal(t, int64(1), proxied.Load())

	require.NoError(t, ask(t, d, shore), "NO_PROXY")
	assert.Len(t, p.Asked(), 1)
	assert.Equal(t, int64(2), dials.Load())
	assert.Equal(t, int64(1), proxied.Load())

	p.Refuse()
	var told atomic.Value
	d.Failed = func(_ context.Context, err error) { told.Store(err) }
	require.ErrorContains(t, ask(t, d, "shore.invalid:4317"), "it answers CONNECT with 404 Not Found")
	require.ErrorContains(t, told.Load().(error), "it answers CONNECT with 404 Not Found")
}

func TestWithoutAProxy(t *testing.T) {
	shore := serve(t, "tcp", "127.0.0.1:0").String()
	_, port, err := net.SplitHostPort(shore)
	require.NoError(t, err)
	d, dials, proxied := counted(nil)
	require.NoError(t, ask(t, d, "localhost:"+port), "names are looked up")
	assert.Positive(t, dials.Load())
	assert.Zero(t, proxied.Load())
}

func TestASocketInTheFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, "unix", path)
	d, dials, _ := counted(nil)
	for _, target := range []string{"unix:" + path, "unix://" + path} {
		require.NoError(t, ask(t, d, target), target)
	}
	assert.Equal(t, int64(2), dials.Load())
}

func TestTheEnvironmentNamesTheProxy(t *testing.T) {
	p := proxytest.Start(t, serve(t, "tcp", "127.0.0.1:0").String())
	t.Setenv("HTTPS_PROXY", p.URL(t, nil).String())
	require.NoError(t, ask(t, Dialer{Dial: (&net.Dialer{}).DialContext}, "shore.invalid:4317"))
	assert.Equal(t, []string{"CONNECT shore.invalid:4317"}, p.Asked())
}

// What gRPC says by itself about windows costs more than a small request.
func TestAnswersAreNotMeasured(t *testing.T) {
	shore := serve(t, "tcp", "127.0.0.1:0").String()
	var ours, stock http2test.Tap
	d := Dialer{Dial: func(ctx context.Context, _, address string) (net.Conn, error) { return ours.Dial(ctx, address) }}
	askOften(t, shore, d.Options()...)
	askOften(t, shore, grpc.WithContextDialer(stock.Dial))
	assert.Zero(t, ours.Sent(), "nothing is said about windows")
	assert.Positive(t, stock.Sent().Pings, "or else this test sees nothing")
}

// askOften asks five times on one connection.
func askOften(t *testing.T, target string, options ...grpc.DialOption) {
	t.Helper()
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for range 5 {
		_, err = grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		require.NoError(t, err)
	}
}

func TestAProxyThatCannotBeUsed(t *testing.T) {
	d, _, _ := counted(&url.URL{Scheme: "socks5", Host: "127.0.0.1:1"})
	require.ErrorContains(t, ask(t, d, "shore.invalid:4317"), "gRPC goes through proxies of the scheme http only")
}
