package shore

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// wireSize is a stats.Handler that remembers how many bytes a call's message
// had on the wire.
type wireSize struct{}

type sizeKey struct{}

// sizeOf is the size of the message that was read in this call.
func sizeOf(ctx context.Context) int {
	size, ok := ctx.Value(sizeKey{}).(*atomic.Int64)
	if !ok {
		return 0
	}
	return int(size.Load())
}

// TagRPC makes room for the size.
func (wireSize) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, sizeKey{}, &atomic.Int64{})
}

// HandleRPC notes the size.
func (wireSize) HandleRPC(ctx context.Context, s stats.RPCStats) {
	in, ok := s.(*stats.InPayload)
	if !ok {
		return
	}
	if size, ok := ctx.Value(sizeKey{}).(*atomic.Int64); ok {
		size.Store(int64(in.WireLength))
	}
}

// TagConn does nothing.
func (wireSize) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (wireSize) HandleConn(context.Context, stats.ConnStats) {}
