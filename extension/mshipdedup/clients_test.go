package mshipdedup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/metadata"
)

// say sends one request with these keys. Its error is nil only for a success
// that an OTLP client would take for one.
type say func(ctx context.Context, s *shore, keys ...string) error

// message is what OTLP sends and answers.
type message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

type decoder interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

func logs() plog.Logs {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("course 270")
	return ld
}

func metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("speed")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(12)
	return md
}

func traces() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("plan")
	return td
}

func profiles() pprofile.Profiles {
	pd := pprofile.NewProfiles()
	pd.ResourceProfiles().AppendEmpty().ScopeProfiles().AppendEmpty().Profiles().AppendEmpty().Samples().AppendEmpty()
	return pd
}

// ways are all in which the otlp receiver is spoken to.
var ways = map[string]say{
	"http protobuf logs":     post(typeProtobuf, "/v1/logs", plogotlp.NewExportRequestFromLogs(logs()), plogotlp.NewExportResponse()),
	"http protobuf metrics":  post(typeProtobuf, "/v1/metrics", pmetricotlp.NewExportRequestFromMetrics(metrics()), pmetricotlp.NewExportResponse()),
	"http protobuf traces":   post(typeProtobuf, "/v1/traces", ptraceotlp.NewExportRequestFromTraces(traces()), ptraceotlp.NewExportResponse()),
	"http protobuf profiles": post(typeProtobuf, "/v1development/profiles", pprofileotlp.NewExportRequestFromProfiles(profiles()), pprofileotlp.NewExportResponse()),
	"http json logs":         post(typeJSON, "/v1/logs", plogotlp.NewExportRequestFromLogs(logs()), plogotlp.NewExportResponse()),
	"http json metrics":      post(typeJSON, "/v1/metrics", pmetricotlp.NewExportRequestFromMetrics(metrics()), pmetricotlp.NewExportResponse()),
	"http json traces":       post(typeJSON, "/v1/traces", ptraceotlp.NewExportRequestFromTraces(traces()), ptraceotlp.NewExportResponse()),
	"http json profiles":     post(typeJSON, "/v1development/profiles", pprofileotlp.NewExportRequestFromProfiles(profiles()), pprofileotlp.NewExportResponse()),
	"grpc logs": call(func(ctx context.Context, s *shore) (message, error) {
		return plogotlp.NewGRPCClient(s.conn).Export(ctx, plogotlp.NewExportRequestFromLogs(logs()))
	}),
	"grpc metrics": call(func(ctx context.Context, s *shore) (message, error) {
		return pmetricotlp.NewGRPCClient(s.conn).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics()))
	}),
	"grpc traces": call(func(ctx context.Context, s *shore) (message, error) {
		return ptraceotlp.NewGRPCClient(s.conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces()))
	}),
	"grpc profiles": call(func(ctx context.Context, s *shore) (message, error) {
		return pprofileotlp.NewGRPCClient(s.conn).Export(ctx, pprofileotlp.NewExportRequestFromProfiles(profiles()))
	}),
}

var (
	byHTTP = ways["http protobuf logs"]
	byGRPC = ways["grpc logs"]
	both   = map[string]say{"http": byHTTP, "grpc": byGRPC}
)

func call(export func(ctx context.Context, s *shore) (message, error)) say {
	return func(ctx context.Context, s *shore, keys ...string) error {
		for _, key := range keys {
			ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", key)
		}
		_, err := export(ctx, s)
		return err
	}
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	header http.Header
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %q", r.status, r.body) }

func post(encoding, path string, m message, answer decoder) say {
	body, err := m.MarshalProto()
	if encoding == typeJSON {
		body, err = m.MarshalJSON()
	}
	if err != nil {
		panic(err)
	}
	return func(ctx context.Context, s *shore, keys ...string) error {
		got, err := send(ctx, s, encoding, path, bytes.NewReader(body), keys...)
		if err != nil {
			return err
		}
		if got.header.Get("Content-Type") != encoding {
			return fmt.Errorf("content type %q", got.header.Get("Content-Type"))
		}
		if encoding == typeJSON {
			return answer.UnmarshalJSON(got.body)
		}
		return answer.UnmarshalProto(got.body)
	}
}

// send makes one request; anything but 200 is a *refusal.
func send(ctx context.Context, s *shore, encoding, path string, body io.Reader, keys ...string) (*refusal, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+path, body)
	if err != nil {
		return nil, err
	}
	r.GetBody = nil // net/http shall not resend by itself
	r.Header["Content-Type"] = []string{encoding}
	r.Header["Idempotency-Key"] = keys
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	read, err := io.ReadAll(response.Body)
	got := &refusal{status: response.StatusCode, header: response.Header, body: read}
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return got, got
	}
	return got, nil
}
