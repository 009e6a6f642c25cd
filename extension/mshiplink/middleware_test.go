package mshiplink

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"golang.org/x/net/http/httpproxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func roundTripper(t *testing.T, a *aboard, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	wrap, err := a.GetHTTPRoundTripper(t.Context())
	require.NoError(t, err)
	rt, err := wrap(t.Context(), next)
	require.NoError(t, err)
	return rt
}

type strangeTransport struct{ http.RoundTripper }

// A client whose connections cannot be reached is paced by what can be seen.
func TestAnotherTransportIsPacedBySize(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveHTTP(false, false)(t, side)
	inner := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(inner.CloseIdleConnections)
	client := &http.Client{Transport: roundTripper(t, a, strangeTransport{inner})}
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var all sync.WaitGroup
	backlog(ctx, &all, 3, func(ctx context.Context, n int) error { return post(ctx, client, "http://"+side.Addr().String(), n) })
	all.Wait()
	requireCap(t, testRate*102/100, 0.95, side) // headers are not seen
	assert.Equal(t, 1, a.said("paced by the size of its requests' bodies"))
}

// The transport of everybody is not changed.
func TestTheDefaultTransportIsNotTouched(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	assert.IsType(t, &bySize{}, roundTripper(t, a, http.DefaultTransport))
	own := &http.Transport{}
	assert.Same(t, own, roundTripper(t, a, own))
	assert.NotNil(t, own.DialContext)
}

// tunnels is a proxy that notes which names it was asked for.
type tunnels struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	auth  string
}

func proxyTo(t *testing.T, target string) *tunnels {
	t.Helper()
	p := &tunnels{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked, p.auth = append(p.asked, r.Method+" "+r.Host), r.Header.Get("Proxy-Authorization")
		p.mu.Unlock()
		up, err := net.Dial("tcp", target)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
		go relay(up, rw.Reader, c)
		relay(c, bufio.NewReader(up), up)
	}))
	t.Cleanup(p.Close)
	return p
}

func relay(to net.Conn, from io.Reader, source net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = source.Close()
}

// With a proxy, gRPC asks it for the target by name, over the link.
func TestGRPCThroughAProxy(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveGRPC(t, side)
	p := proxyTo(t, side.Addr().String())
	target, err := url.Parse(p.URL)
	require.NoError(t, err)
	target.User = url.UserPassword("ship", "secret")
	env := httpproxy.Config{HTTPSProxy: target.String(), NoProxy: "127.0.0.1"}
	m := a.join("shore", 1, true)
	send := func(endpoint string) error {
		conn, err := grpc.NewClient(endpoint, append(m.grpcOptionsThrough(env.ProxyFunc()), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = plogotlp.NewGRPCClient(conn).Export(deadlined(t, patience), plogotlp.NewExportRequestFromLogs(logsOf(1000)))
		return err
	}
	require.NoError(t, send("shore.invalid:4317"))
	assert.Equal(t, []string{"CONNECT shore.invalid:4317"}, p.asked)
	assert.Equal(t, "Basic c2hpcDpzZWNyZXQ=", p.auth)
	require.Eventually(t, func() bool { return m.meter.up.Load() > 1000 }, patience, time.Millisecond, "what goes through the proxy counts")
	require.NoError(t, send(side.Addr().String()), "NO_PROXY")
	assert.Len(t, p.asked, 1)

	p.Config.Handler = http.NotFoundHandler()
	require.ErrorContains(t, send("shore.invalid:4317"), "it answers CONNECT with 404 Not Found")
}

func TestHTTPSThroughAProxy(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveHTTP(true, true)(t, side)
	p := proxyTo(t, side.Addr().String())
	target, err := url.Parse(p.URL)
	require.NoError(t, err)
	transport := &http.Transport{Proxy: http.ProxyURL(target), TLSClientConfig: insecureTLS(true), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	require.NoError(t, post(t.Context(), &http.Client{Transport: roundTripper(t, a, transport)}, "https://shore.invalid", 10_000))
	assert.Equal(t, []string{"CONNECT shore.invalid:443"}, p.asked)
	require.Eventually(t, func() bool { return a.meters.of(others).up.Load() > 10_000 }, patience, time.Millisecond)
	assert.NotZero(t, a.meters.of(others).down.Load())
	assert.Zero(t, a.said("cannot be reached"))
}

// A stock gRPC client with the link's options is counted.
func TestGRPCMiddleware(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveGRPC(t, side)
	options, err := a.GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	conn, err := grpc.NewClient(side.Addr().String(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = plogotlp.NewGRPCClient(conn).Export(deadlined(t, patience), plogotlp.NewExportRequestFromLogs(logsOf(5000)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return a.meters.of(others).up.Load() > 5000 }, patience, time.Millisecond)
}
