package probe

import (
	"math"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// partial reads from an OTLP answer how many records the far end did not take,
// and why (OTLP, "Partial Success"). An answer that is none says nothing.
func partial(signal delivery.Signal, json bool, body []byte) (rejected int64, message string) {
	switch signal {
	case delivery.Traces:
		r := ptraceotlp.NewExportResponse()
		if unmarshal(r, json, body) == nil {
			return bounded(r.PartialSuccess().RejectedSpans()), oneLine(r.PartialSuccess().ErrorMessage())
		}
	case delivery.Metrics:
		r := pmetricotlp.NewExportResponse()
		if unmarshal(r, json, body) == nil {
			return bounded(r.PartialSuccess().RejectedDataPoints()), oneLine(r.PartialSuccess().ErrorMessage())
		}
	default:
		r := plogotlp.NewExportResponse()
		if unmarshal(r, json, body) == nil {
			return bounded(r.PartialSuccess().RejectedLogRecords()), oneLine(r.PartialSuccess().ErrorMessage())
		}
	}
	return 0, ""
}

// bounded: a far end can write any number, and numbers are added up.
func bounded(rejected int64) int64 { return min(max(rejected, 0), math.MaxInt32) }

// partialHTTP reads it where the answer says that it is one: with
// delivery_proof: status it may be anything.
func partialHTTP(signal delivery.Signal, mediaType string, body []byte) (rejected int64, message string) {
	switch mediaType {
	case protoType, jsonType:
		return partial(signal, mediaType == jsonType, body)
	default:
		return 0, ""
	}
}

type response interface {
	UnmarshalProto(body []byte) error
	UnmarshalJSON(body []byte) error
}

func unmarshal(r response, json bool, body []byte) error {
	if json {
		return r.UnmarshalJSON(body)
	}
	return r.UnmarshalProto(body)
}

// message is an OTLP answer of gRPC, whose type is the collector's own.
type message interface {
	SizeProto() int
	MarshalProto(buffer []byte) int
}

// partialGRPC reads the same from an answer of gRPC.
func partialGRPC(signal delivery.Signal, reply any) (rejected int64, text string) {
	m, ok := reply.(message)
	if !ok {
		return 0, ""
	}
	body := make([]byte, m.SizeProto())
	return partial(signal, false, body[len(body)-m.MarshalProto(body):])
}
