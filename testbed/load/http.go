package load

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// attemptTimeout ends an attempt that is not answered.
const attemptTimeout = 30 * time.Second

// HTTPSender sends OTLP/HTTP. Set the options before the first Send.
type HTTPSender struct {
	JSON bool // JSON in place of protobuf
	Gzip bool // compress the body

	endpoint string
	client   *http.Client
}

// NewHTTP returns a sender to a base URL such as "http://127.0.0.1:4318".
func NewHTTP(endpoint string) *HTTPSender {
	// A connection that was dialled for a request which another one took is closed by the
	// agent after 2 s (read_header_timeout), maybe under the next request: be earlier.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Second, DisableCompression: true}
	return &HTTPSender{
		endpoint: strings.TrimSuffix(endpoint, "/"),
		client:   &http.Client{Transport: transport, Timeout: attemptTimeout},
	}
}

// Close closes idle connections.
func (s *HTTPSender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Send makes one attempt.
func (s *HTTPSender) Send(ctx context.Context, b Batch) error {
	request, err := s.request(ctx, b)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return &Refusal{At: time.Now(), Batch: b, Retryable: true, Err: err}
	}
	defer func() { _ = response.Body.Close() }() // read to its end below
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return &Refusal{At: time.Now(), Batch: b, Retryable: true, Err: err}
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return refusedHTTP(b, response, body)
}

// request builds the request of a batch.
func (s *HTTPSender) request(ctx context.Context, b Batch) (*http.Request, error) {
	body, err := encode(b, s.JSON)
	if err != nil {
		return nil, err
	}
	if s.Gzip {
		body = compress(body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+b.Signal.Path(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // net/http shall not resend on its own: every attempt is counted
	request.Header.Set("Content-Type", "application/x-protobuf")
	if s.JSON {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	return request, nil
}

// refusedHTTP reads a refusal as the OTLP specification tells a client to.
func refusedHTTP(b Batch, response *http.Response, body []byte) *Refusal {
	r := &Refusal{
		At: time.Now(), Batch: b, Status: response.StatusCode,
		Err: fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body))),
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.Retryable = true
	}
	r.Delay, r.HasDelay = retryAfter(response.Header)
	return r
}

// retryAfter reads Retry-After, in seconds or as a date by the far end's clock.
func retryAfter(h http.Header) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	due, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, due.Sub(now)), true
}

// encode marshals a batch's records as an export request.
func encode(b Batch, asJSON bool) ([]byte, error) {
	var m interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	switch b.Signal {
	case record.Logs:
		m = plogotlp.NewExportRequestFromLogs(b.logs())
	case record.Metrics:
		m = pmetricotlp.NewExportRequestFromMetrics(Metrics(b.From, b.N, b.at()))
	case record.Traces:
		m = ptraceotlp.NewExportRequestFromTraces(Traces(b.From, b.N, b.at()))
	default:
		return nil, fmt.Errorf("unknown signal %q", b.Signal)
	}
	if asJSON {
		return m.MarshalJSON()
	}
	return m.MarshalProto()
}

func compress(plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(plain) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
