package mshiplink

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/otelcol-mship/otelcol-mship/internal/proxytest"
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

// With a proxy, gRPC asks it for the target over the link.
func TestGRPCThroughAProxy(t *testing.T) {
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveGRPC(t, side)
	p := proxytest.Start(t, side.Addr().String())
	t.Setenv("HTTPS_PROXY", p.URL(t, nil).String())
	options, err := a.GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	sendGRPC(t, "shore.invalid:4317", options)
	assert.Equal(t, []string{"CONNECT shore.invalid:4317"}, p.Asked())
	require.Eventually(t, func() bool { return a.meters.of(others).up.Load() > 5000 }, patience, time.Millisecond, "what goes through the proxy counts")
}

func sendGRPC(t *testing.T, target string, options []grpc.DialOption) {
	t.Helper()
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = plogotlp.NewGRPCClient(conn).Export(deadlined(t, patience), plogotlp.NewExportRequestFromLogs(logsOf(5000)))
	require.NoError(t, err)
}

func TestHTTPSThroughAProxy(t *testing.T) {
	t.Parallel()
	a := start(t, nil, nil, rated(nil))
	side := listen(t)
	serveHTTP(true, true)(t, side)
	p := proxytest.Start(t, side.Addr().String())
	transport := &http.Transport{Proxy: http.ProxyURL(p.URL(t, nil)), TLSClientConfig: insecureTLS(true), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	require.NoError(t, post(t.Context(), &http.Client{Transport: roundTripper(t, a, transport)}, "https://shore.invalid", 10_000))
	assert.Equal(t, []string{"CONNECT shore.invalid:443"}, p.Asked())
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
	sendGRPC(t, side.Addr().String(), options)
	require.Eventually(t, func() bool { return a.meters.of(others).up.Load() > 5000 }, patience, time.Millisecond)
}
