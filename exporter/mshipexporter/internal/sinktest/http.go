package sinktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// HTTPType is the type of the sinks that speak HTTP; it is the real one's, so that they are treated as such.
var HTTPType = component.MustNewType("otlp_http")

const protobuf = "application/x-protobuf"

// Status is what a script returns to have the far end answer so.
type Status struct {
	Code   int
	Header http.Header
	Body   string
}

// Error implements error.
func (s *Status) Error() string { return fmt.Sprintf("status %d", s.Code) }

type httpConfig struct {
	Endpoint    string                    `mapstructure:"endpoint"`
	Compression string                    `mapstructure:"compression"` // is only said
	Middlewares []configmiddleware.Config `mapstructure:"middlewares"`
}

// HTTP is a factory of sinks that speak HTTP through their middlewares, but
// over no network. A script's nil is a right OTLP answer, a [Status] is
// answered as it is, any other error is one of the connection. As the stock
// exporter does, the sinks believe any 2xx and call most refusals permanent.
func (s *Shore) HTTP() exporter.Factory {
	return s.factory(HTTPType, func() component.Config { return &httpConfig{Endpoint: "http://shore.test"} },
		func(cfg component.Config) sender { return &overHTTP{cfg: cfg.(*httpConfig)} })
}

type overHTTP struct {
	cfg       *httpConfig
	transport http.RoundTripper
}

func (h *overHTTP) start(host component.Host) error {
	h.transport = memory{}
	for _, m := range h.cfg.Middlewares {
		wrap, err := m.GetHTTPClientRoundTripper(context.Background(), host.GetExtensions())
		if err != nil {
			return err
		}
		if h.transport, err = wrap(context.Background(), h.transport); err != nil {
			return err
		}
	}
	return nil
}

type attemptKey struct{}

func (h *overHTTP) send(ctx context.Context, data any, attempt func(context.Context) error) error {
	body, err := marshal(data)
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	ctx = context.WithValue(ctx, attemptKey{}, attempt)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", protobuf)
	resp, err := h.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return consumererror.NewPermanent(fmt.Errorf("status %d", resp.StatusCode))
	}
	return nil
}

func marshal(data any) ([]byte, error) {
	switch d := data.(type) {
	case plog.Logs:
		return plogotlp.NewExportRequestFromLogs(d).MarshalProto()
	case pmetric.Metrics:
		return pmetricotlp.NewExportRequestFromMetrics(d).MarshalProto()
	case ptrace.Traces:
		return ptraceotlp.NewExportRequestFromTraces(d).MarshalProto()
	default:
		return nil, fmt.Errorf("%T is no telemetry", data)
	}
}

type headerKey struct{}

// Header is that of the request in which an attempt over HTTP came; a script may ask for it.
func Header(ctx context.Context) http.Header {
	h, _ := ctx.Value(headerKey{}).(http.Header)
	return h
}

// memory is a transport that reaches the shore by a function call.
type memory struct{}

// RoundTrip implements http.RoundTripper.
func (memory) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart("tcp", req.URL.Host)
	}
	attempt := ctx.Value(attemptKey{}).(func(context.Context) error)
	err := attempt(context.WithValue(ctx, headerKey{}, req.Header))
	if err == nil {
		return respond(&Status{Code: http.StatusOK, Header: http.Header{"Content-Type": {protobuf}}}), nil
	}
	if s, ok := errors.AsType[*Status](err); ok {
		return respond(s), nil
	}
	return nil, err
}

func respond(s *Status) *http.Response {
	header := s.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: s.Code, Header: header, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(s.Body)), ContentLength: int64(len(s.Body)),
	}
}
