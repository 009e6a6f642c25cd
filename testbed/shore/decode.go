package shore

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// maxBody bounds a request's body, compressed and plain.
const maxBody = 64 << 20

// The content types of OTLP/HTTP.
const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

var (
	errEncoding    = errors.New("unknown content encoding")
	errContentType = errors.New("unknown content type")
)

// message is what the requests and responses of the three signals have in common.
type message interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

type unmarshaler interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// decompress returns a reader of the plain body. Its Close frees the decoder.
func decompress(body io.Reader, encoding string) (io.ReadCloser, error) {
	switch encoding {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip":
		return gzip.NewReader(body)
	case "zstd":
		d, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("%w %q", errEncoding, encoding)
}

// readAll reads a plain body of at most maxBody bytes.
func readAll(body io.Reader, encoding string) ([]byte, error) {
	plain, err := decompress(body, encoding)
	if err != nil {
		return nil, err
	}
	defer func() { _ = plain.Close() }() // frees memory only
	data, err := io.ReadAll(io.LimitReader(plain, maxBody+1))
	if err == nil && len(data) > maxBody {
		err = fmt.Errorf("body of more than %d bytes", maxBody)
	}
	return data, err
}

// content is what is known of the records of a request.
type content struct {
	ids    []int64
	oldest time.Time
}

func contentOfLogs(ld plog.Logs) content { return content{record.InLogs(ld), record.Oldest(ld)} }

// decode returns what a plain body holds.
func decode(signal record.Signal, contentType string, data []byte) (content, error) {
	switch signal {
	case record.Logs:
		r := plogotlp.NewExportRequest()
		err := unmarshal(r, contentType, data)
		return contentOfLogs(r.Logs()), err
	case record.Metrics:
		r := pmetricotlp.NewExportRequest()
		err := unmarshal(r, contentType, data)
		return content{ids: record.InMetrics(r.Metrics())}, err
	case record.Traces:
		r := ptraceotlp.NewExportRequest()
		err := unmarshal(r, contentType, data)
		return content{ids: record.InTraces(r.Traces())}, err
	}
	return content{}, fmt.Errorf("unknown signal %q", signal)
}

func unmarshal(into unmarshaler, contentType string, data []byte) error {
	switch contentType {
	case protobufType:
		return into.UnmarshalProto(data)
	case jsonType:
		return into.UnmarshalJSON(data)
	}
	return fmt.Errorf("%w %q", errContentType, contentType)
}

// success is the body of a correct answer.
func success(signal record.Signal, contentType string) ([]byte, error) {
	var m message
	switch signal {
	case record.Logs:
		m = plogotlp.NewExportResponse()
	case record.Metrics:
		m = pmetricotlp.NewExportResponse()
	default:
		m = ptraceotlp.NewExportResponse()
	}
	if contentType == jsonType {
		return m.MarshalJSON()
	}
	return m.MarshalProto()
}
