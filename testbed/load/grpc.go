package load

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// GRPCSender sends OTLP/gRPC.
type GRPCSender struct{ conn *grpc.ClientConn }

// NewGRPC returns a sender to a target such as "127.0.0.1:4317". opts are added
// to its own.
func NewGRPC(target string, opts ...grpc.DialOption) (*GRPCSender, error) {
	own := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(), // every attempt is counted
		// The far end comes and goes in tests: look for it often.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	conn, err := grpc.NewClient("passthrough:///"+target, append(own, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("gRPC client for %s: %w", target, err)
	}
	return &GRPCSender{conn: conn}, nil
}

// Close closes the connection.
func (s *GRPCSender) Close() error { return s.conn.Close() }

// Send makes one attempt.
func (s *GRPCSender) Send(ctx context.Context, b Batch) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := s.export(ctx, b); err != nil {
		return refusedGRPC(b, err)
	}
	return nil
}

func (s *GRPCSender) export(ctx context.Context, b Batch) (err error) {
	switch b.Signal {
	case record.Logs:
		r := plogotlp.NewExportRequestFromLogs(b.logs())
		_, err = plogotlp.NewGRPCClient(s.conn).Export(ctx, r)
	case record.Metrics:
		r := pmetricotlp.NewExportRequestFromMetrics(Metrics(b.From, b.N, b.at()))
		_, err = pmetricotlp.NewGRPCClient(s.conn).Export(ctx, r)
	case record.Traces:
		r := ptraceotlp.NewExportRequestFromTraces(Traces(b.From, b.N, b.at()))
		_, err = ptraceotlp.NewGRPCClient(s.conn).Export(ctx, r)
	default:
		err = fmt.Errorf("unknown signal %q", b.Signal)
	}
	return err
}

// refusedGRPC reads a refusal as the OTLP specification tells a client to.
func refusedGRPC(b Batch, err error) *Refusal {
	st := status.Convert(err)
	r := &Refusal{At: time.Now(), Batch: b, Code: st.Code(), Err: err}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			r.Delay, r.HasDelay = info.GetRetryDelay().AsDuration(), true
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange,
		codes.Unavailable, codes.DataLoss:
		r.Retryable = true
	case codes.ResourceExhausted:
		r.Retryable = r.HasDelay
	}
	return r
}
