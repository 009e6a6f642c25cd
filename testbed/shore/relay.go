package shore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// relayTimeout bounds how long a shore waits for the one behind it.
const relayTimeout = 30 * time.Second

// RelayTo makes the shore a link with a server behind it, which has one address
// for OTLP/HTTP and one for OTLP/gRPC. What the fault takes goes on to that
// server, whose answer is the answer; it counts as taken only if that server
// took it. A fault that aborts all the same loses the answer on the way.
func RelayTo(httpEndpoint, grpcEndpoint string) Option {
	return func(s *Shore) { s.relay = newRelay(httpEndpoint, grpcEndpoint) }
}

// relay hands requests on.
type relay struct {
	endpoint string
	client   *http.Client
	conn     *grpc.ClientConn
	err      error // why there is no conn
}

func newRelay(httpEndpoint, grpcEndpoint string) *relay {
	r := &relay{endpoint: httpEndpoint, client: &http.Client{
		Timeout:   relayTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	r.conn, r.err = grpc.NewClient("passthrough:///"+grpcEndpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}), // without a backoff: the server comes and goes
	)
	return r
}

func (r *relay) close() {
	r.client.CloseIdleConnections()
	if r.conn != nil {
		_ = r.conn.Close() // nothing is under way
	}
}

// overHTTP hands a request on as it came, and gives the answer. What has been
// handed on stays so, whether or not the client still waits.
func (r *relay) overHTTP(signal record.Signal, original *http.Request, body []byte) (Reply, error) {
	ctx := context.WithoutCancel(original.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint+signal.Path(), bytes.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	request.GetBody = nil // every attempt is the client's
	request.Header = original.Header.Clone()
	response, err := r.client.Do(request) //nolint:gosec // to where the test says, on loopback
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	reply := Reply{Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), Body: string(answer)}
	if seconds, e := strconv.Atoi(response.Header.Get("Retry-After")); e == nil {
		reply.RetryAfter = time.Duration(seconds) * time.Second
	}
	return reply, err
}

// call hands on one decoded request of a signal.
type call func(context.Context, *grpc.ClientConn) error

// overGRPC hands a call on with its metadata, and gives the status.
func (r *relay) overGRPC(ctx context.Context, next call) error {
	if r.conn == nil {
		return errors.Join(errors.New("no server behind this one"), r.err)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.WithoutCancel(ctx), own(md)), relayTimeout)
	defer cancel()
	return next(ctx, r.conn)
}

// own is the client's metadata without gRPC's.
func own(md metadata.MD) metadata.MD {
	kept := metadata.MD{}
	for name, values := range md {
		switch name {
		case ":authority", "content-type", "user-agent", "grpc-accept-encoding", "grpc-encoding", "te":
		default:
			kept[name] = values
		}
	}
	return kept
}

func callLogs(r plogotlp.ExportRequest) call {
	return func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := plogotlp.NewGRPCClient(c).Export(ctx, r)
		return err
	}
}

func callMetrics(r pmetricotlp.ExportRequest) call {
	return func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := pmetricotlp.NewGRPCClient(c).Export(ctx, r)
		return err
	}
}

func callTraces(r ptraceotlp.ExportRequest) call {
	return func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := ptraceotlp.NewGRPCClient(c).Export(ctx, r)
		return err
	}
}
