package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// proxied lengthens the silence where we cannot see the connection: with a
// proxy gRPC dials by itself, and only the attempt as a whole can be timed.
const proxied = 12

// onDemand has gRPC dial for an attempt, which ends the backoff, and hardly ever
// by itself: while the breaker is open each dial would be airtime, and a line in
// the log that nobody can leave out.
var onDemand = backoff.Config{BaseDelay: time.Hour, Multiplier: 1, MaxDelay: time.Hour}

// How long gRPC lets a connection come about.
const (
	// itself: where gRPC dials by itself; in fact it is never less than the backoff.
	itself = 20 * time.Second
	// patient: the link may wait for days, and what is past it has our own limit.
	patient = 365 * 24 * time.Hour
)

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient.
func (p *Probe) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	d := &dials{probe: p, limit: p.Silence, listeners: map[*silence]struct{}{}}
	options := []grpc.DialOption{grpc.WithChainUnaryInterceptor(d.intercept)}
	if proxyConfigured() {
		// A dialer of our own would bypass the proxy (grpc-go, WithContextDialer).
		d.limit *= proxied
		return append(options, grpc.WithConnectParams(grpc.ConnectParams{Backoff: onDemand, MinConnectTimeout: itself})), nil
	}
	return append(options, grpc.WithConnectParams(grpc.ConnectParams{Backoff: onDemand, MinConnectTimeout: patient}), grpc.WithContextDialer(d.dial)), nil
}

func proxyConfigured() bool {
	return slices.ContainsFunc([]string{"HTTPS_PROXY", "https_proxy"}, func(name string) bool { return os.Getenv(name) != "" })
}

// dials watches the connections that one gRPC client makes by itself.
type dials struct {
	probe *Probe
	limit time.Duration

	// held are the dials that the link has not let go yet.
	held atomic.Int64

	mu        sync.Mutex
	current   *conn
	listeners map[*silence]struct{}
}

func (d *dials) dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	c, err := d.probe.connect(ctx, d.probe.dialer(), network, address, &d.held)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) { // another address was faster
			return nil, err
		}
		for s := range d.listeners {
			s.dialFailed.Store(&dialFailure{at: time.Now(), err: err})
		}
		return nil, err
	}
	w := watch(c)
	d.current = w
	for s := range d.listeners {
		s.moves(w)
		s.dialFailed.Store(nil)
	}
	return w, nil
}

// share bounds what the connection carries before a request of so many bytes
// has gone: gRPC gives each of the requests on a connection a frame in turn.
// Twice that is safe. It does not say when a request is written.
func (d *dials) share(bytes int) int64 {
	const frame = 16 << 10
	return 2 * int64(d.probe.Requests) * int64(bytes+frame)
}

func (d *dials) join(s *silence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listeners[s] = struct{}{}
	s.held = func() bool { return d.held.Load() > 0 }
	if c := d.current; c != nil && !c.abandoned.Load() {
		s.conn.Store(c)
	}
	s.armed.Store(true)
}

func (d *dials) leave(s *silence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.listeners, s)
}

// intercept makes one attempt and records how it failed; success is the sink's
// own word. An attempt that the breaker let pass must not wait for gRPC's
// backoff, so it ends it.
func (d *dials) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	answer := delivery.AnswerFrom(ctx)
	if answer == nil {
		return invoker(ctx, method, req, reply, cc, opts...)
	}
	ctx, s := listen(ctx, d.limit, func(s *silence) {
		s.share = d.share(answer.Bytes)
		d.join(s)
	})
	defer s.stop()
	defer d.leave(s)
	if key := d.probe.Header; key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(key), answer.NextKey().String())
	}
	cc.ResetConnectBackoff()
	var header, trailer metadata.MD
	err := invoker(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(true), grpc.Header(&header), grpc.Trailer(&trailer))...)
	switch {
	case err != nil && (ctx.Err() != nil || s.abandoned()):
		answer.Record(s.failure(ctx, err))
	case err != nil:
		failed := grpcReply(err)
		// gRPC makes up a status where the far end sent none.
		failed.Broken = status.Code(err) == codes.Unavailable && len(header)+len(trailer) == 0
		answer.Record(failed)
	default:
		if rejected, why := partialGRPC(answer.Signal, reply); rejected > 0 {
			answer.Record(delivery.Reply{Accepted: true, Rejected: rejected, Why: why})
		}
	}
	return err
}
