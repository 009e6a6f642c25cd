package probe

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/internal/proxytest"
)

// logsServer answers every export as told.
type logsServer struct {
	plogotlp.UnimplementedGRPCServer
	answer func(context.Context) error
}

func (s *logsServer) Export(ctx context.Context, _ plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.answer(ctx)
}

func serve(t *testing.T, address string, answer func(context.Context) error, options ...grpc.ServerOption) (string, func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := grpc.NewServer(options...)
	plogotlp.RegisterGRPCServer(s, &logsServer{answer: answer})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	stop := func() {
		s.Stop()
		<-done
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func dialLogs(t *testing.T, p *Probe, address string) plogotlp.GRPCClient {
	t.Helper()
	options, err := p.GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	cc, err := grpc.NewClient(address, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cc.Close()) })
	return plogotlp.NewGRPCClient(cc)
}

func export(t *testing.T, c plogotlp.GRPCClient, records int) (delivery.Reply, bool, error) {
	t.Helper()
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for range records {
		sl.LogRecords().AppendEmpty().Body().SetStr("hello")
	}
	answer := &delivery.Answer{Signal: delivery.Logs}
	_, err := c.Export(delivery.WithAnswer(t.Context(), answer), plogotlp.NewExportRequestFromLogs(ld))
	reply, seen := answer.Reply()
	return reply, seen, err
}

func TestGRPCAnswers(t *testing.T) {
	detailed := func(c codes.Code, delay time.Duration) error {
		st, err := status.New(c, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
		require.NoError(t, err)
		return st.Err()
	}
	for name, c := range map[string]struct {
		answer     error
		status     int
		retryAfter time.Duration
	}{
		"invalid":            {status.Error(codes.InvalidArgument, "bad"), 400, 0},
		"unauthenticated":    {status.Error(codes.Unauthenticated, ""), 401, 0},
		"permission denied":  {status.Error(codes.PermissionDenied, ""), 403, 0},
		"unimplemented":      {status.Error(codes.Unimplemented, ""), 404, 0},
		"precondition":       {status.Error(codes.FailedPrecondition, ""), 422, 0},
		"exhausted":          {status.Error(codes.ResourceExhausted, "quota"), 429, 0},
		"exhausted, later":   {detailed(codes.ResourceExhausted, 7*time.Second), 429, 7 * time.Second},
		"unavailable, later": {detailed(codes.Unavailable, 1000*time.Hour), 503, maxPause},
		"before now":         {detailed(codes.Unavailable, -time.Hour), 503, 0},
		"plain error":        {errors.New("panic"), 500, 0},
		"deadline":           {status.Error(codes.DeadlineExceeded, ""), 504, 0},
		"a code of 2077":     {status.Error(codes.Code(99), ""), 500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return c.answer })
			reply, seen, err := export(t, dialLogs(t, &Probe{Silence: 5 * time.Second}, address), 1)
			require.Error(t, err)
			assert.True(t, seen)
			assert.Equal(t, c.status, reply.Status)
			assert.Equal(t, c.retryAfter, reply.RetryAfter)
			assert.False(t, reply.Accepted)
			assert.Contains(t, reply.Message, "the far end answered gRPC")
		})
	}
}

func FuzzGRPCReply(f *testing.F) {
	f.Add(uint32(codes.Unavailable), "later\nmaybe", int64(7), int32(0))
	f.Add(uint32(codes.ResourceExhausted), "message larger than max", int64(-1), int32(-1))
	f.Add(uint32(99), "", int64(1<<62), int32(1<<30))
	f.Fuzz(func(t *testing.T, code uint32, message string, seconds int64, nanos int32) {
		st := status.New(codes.Code(code), message)
		if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: seconds, Nanos: nanos}}); err == nil {
			st = detailed
		}
		r := grpcReply(st.Err())
		assert.GreaterOrEqual(t, r.RetryAfter, time.Duration(0))
		assert.LessOrEqual(t, r.RetryAfter, maxPause)
		assert.False(t, r.Accepted)
		assert.GreaterOrEqual(t, r.Status, 400)
		assert.NotContains(t, r.Message, "\n")
	})
}

func TestGRPCSuccessIsTheSinksWord(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	_, seen, err := export(t, dialLogs(t, &Probe{Silence: 5 * time.Second}, address), 1)
	require.NoError(t, err)
	assert.False(t, seen)
}

func TestGRPCMessageOverTheLimit(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil }, grpc.MaxRecvMsgSize(100))
	reply, _, err := export(t, dialLogs(t, &Probe{Silence: 5 * time.Second}, address), 1000)
	require.Error(t, err)
	assert.Equal(t, 413, reply.Status)
}

func TestGRPCFarEndThatNeverAnswers(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	reply, _, err := export(t, dialLogs(t, &Probe{Silence: silent}, address), 1)
	require.Error(t, err)
	assert.True(t, reply.Timeout)
	assert.Zero(t, reply.Status)
}

// gRPC has all requests on one connection. What moves there for the others is
// no sign of life for one that waits for its answer.
func TestGRPCFarEndThatAnswersOnlyOthers(t *testing.T) {
	first := make(chan struct{}, 1)
	address, _ := serve(t, "127.0.0.1:0", func(ctx context.Context) error {
		select {
		case first <- struct{}{}:
			<-ctx.Done()
			return ctx.Err()
		default:
			return nil
		}
	})
	c := dialLogs(t, &Probe{Silence: silent, Requests: 2}, address)
	muted := make(chan delivery.Reply, 1)
	go func() {
		reply, _, _ := export(t, c, 1)
		muted <- reply
	}()
	require.Eventually(t, func() bool { return len(first) == 1 }, 10*time.Second, time.Millisecond)
	stop := busy(func() {
		_, _, err := export(t, c, 1000)
		assert.NoError(t, err)
	})
	defer stop()
	select {
	case reply := <-muted:
		assert.True(t, reply.Timeout)
	case <-time.After(20 * time.Second):
		assert.Fail(t, "it waits for ever")
	}
}

// A refused connection ends the attempt long before the silence would, with
// what the dial said; and when the far end is back the next attempt goes
// through at once, whatever gRPC's own backoff has grown to.
func TestGRPCComesBackAtOnce(t *testing.T) {
	address, stop := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	c := dialLogs(t, &Probe{Silence: time.Minute}, address)
	_, _, err := export(t, c, 1)
	require.NoError(t, err)
	stop()
	for range 3 {
		begin := time.Now()
		reply, _, err := export(t, c, 1)
		require.Error(t, err)
		assert.Less(t, time.Since(begin), 10*time.Second)
		assert.False(t, reply.Timeout)
		assert.False(t, reply.Accepted)
	}
	serve(t, address, func(context.Context) error { return nil })
	begin := time.Now()
	_, _, err = export(t, c, 1)
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second, "far below gRPC's backoff and the limit")
}

// Behind a proxy an attempt is timed like any other, and a proxy that opens no
// tunnel fails it at once, though gRPC would wait.
func TestGRPCBehindAProxy(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	proxy := proxytest.Start(t, address)
	t.Setenv("HTTPS_PROXY", proxy.URL(t, nil).String())
	var dialled atomic.Int64
	p := &Probe{Silence: 20 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	_, _, err := export(t, dialLogs(t, p, "shore.invalid:4317"), 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"CONNECT shore.invalid:4317"}, proxy.Asked())
	assert.Equal(t, int64(1), dialled.Load(), "over the link")
	assert.False(t, p.Reachable(), "to connect to the proxy proves nothing")

	proxy.Refuse()
	begin := time.Now()
	reply, _, err := export(t, dialLogs(t, p, "shore.invalid:4317"), 1)
	require.Error(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second, "far below the silence")
	assert.False(t, reply.Timeout)
	assert.ErrorContains(t, reply.Err, "it answers CONNECT with 404 Not Found")
}

// A proxy that takes the connection and never answers is a silence.
func TestASilentProxyIsASilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("HTTPS_PROXY", "http://"+l.Addr().String())
	reply, _, err := export(t, dialLogs(t, &Probe{Silence: time.Second}, "shore.invalid:4317"), 1)
	require.Error(t, err)
	assert.True(t, reply.Timeout)
}

func TestTheKeyTravelsInGRPC(t *testing.T) {
	id := delivery.ID{1, 2, 3, 0xff}
	for header, want := range map[string]int{"Idempotency-Key": 2, "X-Batch": 2, "": 0} {
		t.Run(header, func(t *testing.T) {
			var keys []string
			address, _ := serve(t, "127.0.0.1:0", func(ctx context.Context) error {
				md, _ := metadata.FromIncomingContext(ctx)
				keys = append(keys, md.Get("Idempotency-Key")...)
				keys = append(keys, md.Get("X-Batch")...)
				return status.Error(codes.Unavailable, "the answer is of no account")
			})
			c := dialLogs(t, &Probe{Silence: 5 * time.Second, Header: header}, address)
			attempt := func() []string {
				keys = nil
				answer := &delivery.Answer{Batch: id, Signal: delivery.Logs}
				for range 2 {
					_, err := c.Export(delivery.WithAnswer(t.Context(), answer), plogotlp.NewExportRequest())
					require.Error(t, err)
				}
				return keys
			}
			first := attempt()
			assert.Equal(t, first, attempt(), "the same in every attempt")
			assert.Len(t, unique(first), want)
			if want > 0 {
				assert.Equal(t, id.String(), first[0])
			}
		})
	}
}
