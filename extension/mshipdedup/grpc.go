package mshipdedup

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/gate"
)

// exports are the methods of OTLP. Each answers with a message of its own type;
// all of them, empty, are no bytes at all, as [emptypb.Empty] is.
var exports = map[string]bool{
	"/opentelemetry.proto.collector.logs.v1.LogsService/Export":                    true,
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export":              true,
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export":                  true,
	"/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export": true,
}

// windows let a client send so many bytes ahead, on a stream and on its connection.
//
// Left to itself, gRPC begins with 64 KiB and measures the connection with a ping
// for each request: a ship of 600 ms waits for several round trips until its first
// parcel is through, and pays for the answer to each ping. And here, where an
// answer waits for the disk, ping and answer are writes of their own.
func windows(bytes int32) []grpc.ServerOption {
	if bytes == 0 {
		return nil
	}
	return []grpc.ServerOption{grpc.StaticStreamWindowSize(bytes), grpc.StaticConnWindowSize(bytes)}
}

// intercept is a grpc.UnaryServerInterceptor. Other methods than those of OTLP are not its business.
func (d *door) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !exports[info.FullMethod] {
		return handler(ctx, req)
	}
	key, ok := d.key(info.FullMethod, metadata.ValueFromIncomingContext(ctx, d.metadata))
	if !ok {
		return handler(ctx, req)
	}
	pass, err := d.gate.Enter(ctx, key, nil)
	switch {
	case errors.Is(err, gate.ErrTaken):
		d.tel.duplicate()
		return &emptypb.Empty{}, nil
	case errors.Is(err, gate.ErrBusy):
		return nil, status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return nil, status.FromContextError(err).Err()
	}
	defer pass.Close()
	answer, err := handler(ctx, req)
	if err == nil {
		pass.Taken(ctx)
	}
	return answer, err
}
