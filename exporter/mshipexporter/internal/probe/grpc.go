package probe

import (
	"context"
	"errors"
	"net"
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
	"github.com/otelcol-mship/otelcol-mship/internal/grpcdial"
)

// onDemand has gRPC dial for an attempt, which ends the backoff, and hardly ever
// by itself: while the breaker is open each dial would be airtime, and a line in
// the log that nobody can leave out.
var onDemand = backoff.Config{BaseDelay: time.Hour, Multiplier: 1, MaxDelay: time.Hour}

// patient is how long gRPC lets a connection come about: the link may wait for
// days, and what is past it has our own limit.
const patient = 365 * 24 * time.Hour

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient.
func (p *Probe) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	d := &dials{probe: p, limit: p.Silence, listeners: map[*silence]struct{}{}}
	return append(grpcdial.Dialer{Dial: d.dial, Proxied: p.reach.through, Failed: d.failed}.Options(),
		grpc.WithChainUnaryInterceptor(d.intercept),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: onDemand, MinConnectTimeout: patient})), nil
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

func (d *dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.probe.connect(ctx, d.probe.dialer(), network, address, &d.held)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w := watch(c)
	d.current = w
	for s := range d.listeners {
		s.moves(w)
		s.dialFailed.Store(nil)
	}
	return w, nil
}

func (d *dials) failed(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) { // another address was faster
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.listeners {
		s.dialFailed.Store(&dialFailure{at: time.Now(), err: err})
	}
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
