package shore

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // registers the decoder
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// grpcEnd serves OTLP/gRPC on one listener.
type grpcEnd struct {
	shore    *Shore
	listener *listener
	server   *grpc.Server
	running  sync.WaitGroup
}

func serveGRPC(s *Shore, l *listener) *grpcEnd {
	end := &grpcEnd{shore: s, listener: l}
	end.server = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxBody),
		grpc.WaitForHandlers(true),
		grpc.InTapHandle(end.tap),
		grpc.StatsHandler(wireSize{}),
	)
	plogotlp.RegisterGRPCServer(end.server, &logsService{end: end})
	pmetricotlp.RegisterGRPCServer(end.server, &metricsService{end: end})
	ptraceotlp.RegisterGRPCServer(end.server, &tracesService{end: end})
	end.running.Go(func() { _ = end.server.Serve(l) }) // ends with stop
	return end
}

// stop resets all connections and returns when the last handler has.
func (g *grpcEnd) stop() {
	g.listener.shut()
	g.server.Stop()
	g.running.Wait()
}

type logsService struct {
	plogotlp.UnimplementedGRPCServer
	end *grpcEnd
}

// Export serves one request of logs.
func (s *logsService) Export(ctx context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.end.export(ctx, record.Logs, contentOfLogs(r.Logs()), callLogs(r))
}

type metricsService struct {
	pmetricotlp.UnimplementedGRPCServer
	end *grpcEnd
}

// Export serves one request of metrics.
func (s *metricsService) Export(ctx context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), s.end.export(ctx, record.Metrics, content{ids: record.InMetrics(r.Metrics())}, callMetrics(r))
}

type tracesService struct {
	ptraceotlp.UnimplementedGRPCServer
	end *grpcEnd
}

// Export serves one request of traces.
func (s *tracesService) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), s.end.export(ctx, record.Traces, content{ids: record.InTraces(r.Traces())}, callTraces(r))
}

// tap sees a call before its message is read.
func (g *grpcEnd) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if !g.shore.resetsEarly() {
		return ctx, nil
	}
	e := g.shore.book.arrive(Request{Protocol: GRPC, Signal: signalOf(info.FullMethodName), Header: info.Header})
	defer g.shore.book.finish(e, Aborted)
	return ctx, resetPeer(ctx)
}

// signalOf reads the signal from a method such as
// "/opentelemetry.proto.collector.logs.v1.LogsService/Export".
func signalOf(method string) record.Signal {
	for _, s := range []struct {
		word   string
		signal record.Signal
	}{{".logs.", record.Logs}, {".metrics.", record.Metrics}, {".trace.", record.Traces}} {
		if strings.Contains(method, s.word) {
			return s.signal
		}
	}
	return ""
}

// export serves one request whose message was read; next hands it on.
func (g *grpcEnd) export(ctx context.Context, signal record.Signal, what content, next call) error {
	if c := peerConn(ctx); c != nil {
		c.serving.Add(1)
		defer c.serving.Add(-1)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	e := g.shore.book.arrive(Request{Protocol: GRPC, Signal: signal, Header: md})
	defer g.shore.book.finish(e, "")
	g.shore.book.read(e, what, sizeOf(ctx))

	v, released := g.shore.judge(e)
	var answer error
	if g.shore.relays(v) {
		answer = g.shore.relay.overGRPC(ctx, next)
		v = g.shore.relayed(e, v, replyOf(answer), answer == nil, true)
	}
	switch v.Do {
	case Wait:
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-released:
		}
		return resetPeer(ctx)
	case Abort:
		return resetPeer(ctx)
	case Answer:
	}
	if answer != nil {
		return answer
	}
	return v.Reply.err()
}

// replyOf is a status as the log has it.
func replyOf(err error) Reply {
	if err == nil {
		return Reply{}
	}
	return Reply{Status: http.StatusBadGateway, Code: status.Code(err)}
}

// peerConn finds the connection a call came by.
func peerConn(ctx context.Context) *conn {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	a, ok := p.Addr.(address)
	if !ok {
		return nil
	}
	return a.conn
}

// resetPeer resets the whole connection of a call, with all calls on it. The
// error it returns never reaches the client.
func resetPeer(ctx context.Context) error {
	if c := peerConn(ctx); c != nil {
		c.abort()
	}
	return status.Error(codes.Aborted, "connection reset")
}

// err is r as a gRPC error, nil for success.
func (r Reply) err() error {
	code := r.code()
	if code == codes.OK {
		return nil
	}
	st := status.New(code, r.Body)
	if r.RetryAfter <= 0 {
		return st.Err()
	}
	return withDelay(st, r.RetryAfter).Err()
}

func withDelay(st *status.Status, d time.Duration) *status.Status {
	detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	if err != nil {
		return st // only for a status OK, which is none here
	}
	return detailed
}
