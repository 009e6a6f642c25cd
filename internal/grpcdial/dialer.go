// Package grpcdial has a gRPC client connect with a dialer of one's own, and
// through its proxy all the same: a dialer makes gRPC forget about proxies
// (grpc-go, WithContextDialer).
package grpcdial

import (
	"context"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
)

// Dialer says how a client connects. It is safe for concurrent use if its functions are.
type Dialer struct {
	// Dial makes the connection, to the far end or to its proxy.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy finds the proxy for a URL, nil for none. It is asked as gRPC asks: for
	// https, whatever the target. nil: HTTPS_PROXY and NO_PROXY say.
	Proxy func(*url.URL) (*url.URL, error)
	// Proxied, if set, is told that a proxy stands between, before that is dialled.
	Proxied func()
	// Failed, if set, is told why there is no connection, be it that a proxy did not open a tunnel.
	Failed func(ctx context.Context, err error)
}

// Options for the client.
func (d Dialer) Options() []grpc.DialOption {
	if d.Proxy == nil {
		d.Proxy = httpproxy.FromEnvironment().ProxyFunc()
	}
	connect := func(ctx context.Context, address string) (net.Conn, error) {
		c, err := d.connect(ctx, address)
		if err != nil && d.Failed != nil {
			d.Failed(ctx, err)
		}
		return c, err
	}
	return []grpc.DialOption{
		grpc.WithContextDialer(connect), grpc.WithResolvers(&names{d}),
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(window),
	}
}

// window for answers, in bytes: that of HTTP/2 itself (RFC 9113, section 6.9.2), so that nothing need be said about it.
//
// Left to itself, gRPC measures the way with a ping for each answer, to find out
// how large a window it should have: 30 bytes up and 17 down, in packets of their own,
// for answers of a few bytes.
const window = 1<<16 - 1

func (d Dialer) proxyOf(address string) (*url.URL, error) {
	return d.Proxy(&url.URL{Scheme: "https", Host: address})
}

func (d Dialer) connect(ctx context.Context, address string) (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return d.Dial(ctx, "unix", strings.TrimPrefix(path, "//"))
	}
	if strings.HasPrefix(address, "\x00") {
		return d.Dial(ctx, "unix", "@"+address[1:])
	}
	proxy, err := d.proxyOf(address)
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return d.Dial(ctx, "tcp", address)
	}
	if d.Proxied != nil {
		d.Proxied()
	}
	return d.connectThrough(ctx, proxy, address)
}

// names leaves a target's name to the proxy where there is one: aboard, nobody else may know it.
type names struct{ dialer Dialer }

// Scheme implements resolver.Builder: it stands in for gRPC's own.
func (*names) Scheme() string { return "dns" }

// Build implements resolver.Builder.
func (n *names) Build(target resolver.Target, cc resolver.ClientConn, opts resolver.BuildOptions) (resolver.Resolver, error) {
	if proxy, err := n.dialer.proxyOf(target.Endpoint()); err != nil || proxy == nil {
		return resolver.Get("dns").Build(target, cc, opts)
	}
	return unresolved{}, cc.UpdateState(resolver.State{Addresses: []resolver.Address{{Addr: target.Endpoint()}}})
}

type unresolved struct{}

func (unresolved) ResolveNow(resolver.ResolveNowOptions) {}
func (unresolved) Close()                                {}
