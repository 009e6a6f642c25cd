package probe

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// rejection is what a far end answers: how many it did not take, and why.
type rejection struct {
	n   int64
	why string
}

func (r rejection) logs() plogotlp.ExportResponse {
	out := plogotlp.NewExportResponse()
	if r != (rejection{}) { // an answer without is empty
		out.PartialSuccess().SetRejectedLogRecords(r.n)
		out.PartialSuccess().SetErrorMessage(r.why)
	}
	return out
}

func (r rejection) metrics() pmetricotlp.ExportResponse {
	out := pmetricotlp.NewExportResponse()
	if r != (rejection{}) {
		out.PartialSuccess().SetRejectedDataPoints(r.n)
		out.PartialSuccess().SetErrorMessage(r.why)
	}
	return out
}

func (r rejection) traces() ptraceotlp.ExportResponse {
	out := ptraceotlp.NewExportResponse()
	if r != (rejection{}) {
		out.PartialSuccess().SetRejectedSpans(r.n)
		out.PartialSuccess().SetErrorMessage(r.why)
	}
	return out
}

type encodable interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

func (r rejection) of(signal delivery.Signal) encodable {
	switch signal {
	case delivery.Traces:
		return r.traces()
	case delivery.Metrics:
		return r.metrics()
	default:
		return r.logs()
	}
}

// The three servers of OTLP over gRPC, all of which answer the same.
type (
	rejectingLogs struct {
		plogotlp.UnimplementedGRPCServer
		rejection
	}
	rejectingMetrics struct {
		pmetricotlp.UnimplementedGRPCServer
		rejection
	}
	rejectingTraces struct {
		ptraceotlp.UnimplementedGRPCServer
		rejection
	}
)

func (r *rejectingLogs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return r.logs(), nil
}

func (r *rejectingMetrics) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return r.metrics(), nil
}

func (r *rejectingTraces) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return r.traces(), nil
}

// overGRPC is one attempt on a real server.
func overGRPC(t *testing.T, signal delivery.Signal, r rejection) delivery.Reply {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	plogotlp.RegisterGRPCServer(s, &rejectingLogs{rejection: r})
	pmetricotlp.RegisterGRPCServer(s, &rejectingMetrics{rejection: r})
	ptraceotlp.RegisterGRPCServer(s, &rejectingTraces{rejection: r})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	defer func() { s.Stop(); <-done }()
	options, err := (&Probe{Silence: 5 * time.Second}).GetGRPCClientOptions(t.Context())
	require.NoError(t, err)
	cc, err := grpc.NewClient(l.Addr().String(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.NoError(t, err)
	defer func() { require.NoError(t, cc.Close()) }()
	answer := &delivery.Answer{Signal: signal}
	ctx := delivery.WithAnswer(t.Context(), answer)
	switch signal {
	case delivery.Traces:
		_, err = ptraceotlp.NewGRPCClient(cc).Export(ctx, ptraceotlp.NewExportRequest())
	case delivery.Metrics:
		_, err = pmetricotlp.NewGRPCClient(cc).Export(ctx, pmetricotlp.NewExportRequest())
	default:
		_, err = plogotlp.NewGRPCClient(cc).Export(ctx, plogotlp.NewExportRequest())
	}
	require.NoError(t, err)
	reply, seen := answer.Reply()
	assert.Equal(t, reply.Rejected > 0, seen, "else success is the sink's own word")
	reply.Accepted = reply.Accepted || !seen
	return reply
}

// overHTTP is one attempt on a real server that answers with that body.
func overHTTP(t *testing.T, p *Probe, signal delivery.Signal, asked, answered string, body []byte) delivery.Reply {
	t.Helper()
	s := answering(t, http.StatusOK, answered, string(body))
	answer := &delivery.Answer{Signal: signal}
	req, err := http.NewRequestWithContext(delivery.WithAnswer(t.Context(), answer), http.MethodPost, s.URL, bytes.NewReader(nil))
	require.NoError(t, err)
	req.Header.Set("Content-Type", asked)
	if resp, err := client(t, p).Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	reply, _ := answer.Reply()
	return reply
}

func TestPartialSuccess(t *testing.T) {
	p := &Probe{Silence: 5 * time.Second}
	long := strings.Repeat("sample out of order\n", 10_000) // more than 64 KiB
	for name, c := range map[string]struct {
		answer rejection
		n      int64
		why    string
	}{
		"none":                {rejection{}, 0, ""},
		"some":                {rejection{3, "too old"}, 3, "too old"},
		"without a word":      {rejection{3, ""}, 3, ""},
		"only a warning":      {rejection{0, "use the other endpoint"}, 0, "use the other endpoint"},
		"fewer than none":     {rejection{-3, "?"}, 0, "?"},
		"more than there are": {rejection{math.MaxInt64, "?"}, math.MaxInt32, "?"},
		"control characters":  {rejection{1, "a\r\n\x00\x1b[31mb\u2028c\u202ed"}, 1, "a [31mb c d"},
		"very long":           {rejection{1, long}, 1, oneLine(long)},
		"of long characters":  {rejection{1, strings.Repeat("ä", 1000)}, 1, strings.Repeat("ä", maxMessage) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, signal := range []delivery.Signal{delivery.Logs, delivery.Metrics, delivery.Traces} {
				proto, err := c.answer.of(signal).MarshalProto()
				require.NoError(t, err)
				text, err := c.answer.of(signal).MarshalJSON()
				require.NoError(t, err)
				for over, reply := range map[string]delivery.Reply{
					"protobuf":            overHTTP(t, p, signal, protoType, protoType, proto),
					"JSON":                overHTTP(t, p, signal, jsonType, jsonType+"; charset=utf-8", text),
					"protobuf, by status": overHTTP(t, &Probe{Silence: 5 * time.Second, Proof: ProofStatus}, signal, protoType, protoType, proto),
					"gRPC":                overGRPC(t, signal, c.answer),
				} {
					assert.True(t, reply.Accepted, "%s, %s", signal, over)
					assert.Equal(t, c.n, reply.Rejected, "%s, %s", signal, over)
					if over != "gRPC" || c.n > 0 {
						assert.Equal(t, c.why, reply.Why, "%s, %s", signal, over)
					}
				}
			}
		})
	}
}

// With delivery_proof: status an answer may be anything; only one that says so is one of OTLP.
func TestWhatIsNoOTLPAnswerSaysNothing(t *testing.T) {
	proto, err := rejection{3, "too old"}.logs().MarshalProto()
	require.NoError(t, err)
	status := &Probe{Silence: 5 * time.Second, Proof: ProofStatus}
	for _, answered := range []string{"", "text/plain", "application/octet-stream"} {
		reply := overHTTP(t, status, delivery.Logs, protoType, answered, proto)
		assert.True(t, reply.Accepted)
		assert.Zero(t, reply.Rejected, answered)
	}
	for kind, body := range map[string]string{
		protoType: "\xff\xff\xff", jsonType: `{"partialSuccess":{"rejectedLogRecords":"many"}}`, jsonType + "; x": "<oops>",
	} {
		reply := overHTTP(t, status, delivery.Logs, protoType, kind, []byte(body))
		assert.True(t, reply.Accepted)
		assert.Zero(t, reply.Rejected)
		assert.Empty(t, reply.Why)
	}
	n, why := partialGRPC(delivery.Logs, "no message")
	assert.Zero(t, n)
	assert.Empty(t, why)
}

func FuzzPartial(f *testing.F) {
	for _, r := range []rejection{{}, {3, "too old"}, {-1, "\x00\n"}, {math.MaxInt64, "\u2028"}} {
		for _, signal := range []delivery.Signal{delivery.Logs, delivery.Metrics, delivery.Traces} {
			proto, err := r.of(signal).MarshalProto()
			require.NoError(f, err)
			text, err := r.of(signal).MarshalJSON()
			require.NoError(f, err)
			f.Add(string(signal), false, proto)
			f.Add(string(signal), true, text)
		}
	}
	f.Fuzz(func(t *testing.T, signal string, json bool, body []byte) {
		n, why := partial(delivery.Signal(signal), json, body)
		assert.GreaterOrEqual(t, n, int64(0))
		assert.LessOrEqual(t, n, int64(math.MaxInt32))
		assert.Equal(t, oneLine(why), why)
	})
}
