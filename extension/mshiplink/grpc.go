package mshiplink

import (
	"context"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
)

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient. Each client is a member of its own.
func (l *Link) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	if l.pacer == nil {
		return nil, errNotStarted
	}
	return l.join(others, 1, true).grpcOptions(), nil
}

// GRPCDialOptions are for a sink that is a gRPC client, where Dialer would bypass HTTPS_PROXY.
func (l *Link) GRPCDialOptions(sink string, weight int, urgent bool) (options []grpc.DialOption, leave func()) {
	if l.pacer == nil {
		return []grpc.DialOption{grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return nil, errNotStarted })}, func() {}
	}
	m := l.join(sink, weight, urgent)
	return m.grpcOptions(), m.Leave
}

func (m *member) grpcOptions() []grpc.DialOption {
	return m.grpcOptionsThrough(httpproxy.FromEnvironment().ProxyFunc())
}

func (m *member) grpcOptionsThrough(proxies proxyFinder) []grpc.DialOption {
	d := &grpcDialer{dial: m.over((&net.Dialer{}).DialContext), proxy: proxies}
	return []grpc.DialOption{grpc.WithContextDialer(d.connect), grpc.WithResolvers(&names{proxy: proxies})}
}

// proxyFinder asks as gRPC does: HTTPS_PROXY and NO_PROXY, whatever the target.
type proxyFinder func(*url.URL) (*url.URL, error)

func (f proxyFinder) of(address string) (*url.URL, error) {
	return f(&url.URL{Scheme: "https", Host: address})
}

// grpcDialer connects gRPC's addresses over the link: a dialer of one's own makes gRPC
// forget about proxies, so it does that itself.
type grpcDialer struct {
	dial  dialFunc
	proxy proxyFinder
}

func (d *grpcDialer) connect(ctx context.Context, address string) (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return d.dial(ctx, "unix", strings.TrimPrefix(path, "//"))
	}
	if strings.HasPrefix(address, "\x00") {
		return d.dial(ctx, "unix", "@"+address[1:])
	}
	proxy, err := d.proxy.of(address)
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return d.dial(ctx, "tcp", address)
	}
	return connectThrough(ctx, d.dial, proxy, address)
}

// names leaves a target's name to the proxy where there is one: aboard, nobody else may know it.
type names struct{ proxy proxyFinder }

// Scheme implements resolver.Builder: it stands in for gRPC's own.
func (*names) Scheme() string { return "dns" }

// Build implements resolver.Builder.
func (n *names) Build(target resolver.Target, cc resolver.ClientConn, opts resolver.BuildOptions) (resolver.Resolver, error) {
	if proxy, err := n.proxy.of(target.Endpoint()); err != nil || proxy == nil {
		return resolver.Get("dns").Build(target, cc, opts)
	}
	return unresolved{}, cc.UpdateState(resolver.State{Addresses: []resolver.Address{{Addr: target.Endpoint()}}})
}

type unresolved struct{}

func (unresolved) ResolveNow(resolver.ResolveNowOptions) {}
func (unresolved) Close()                                {}
