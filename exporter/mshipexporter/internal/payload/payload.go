// Package payload makes one type of the collector's three kinds of telemetry.
package payload

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// kind is all that differs between the signals.
type kind[T any] struct {
	signal  delivery.Signal
	records func(T) int
	size    func(T) int
	proto   func(T) ([]byte, error)
	json    func(T) ([]byte, error)
	parse   func([]byte) (T, error)
	// slice copies the records from (included) to to (not included); what
	// holds no record goes with record 0.
	slice func(data T, from, to int) T
	// move takes all of from to the end of to. hold says that the data is used for longer than the call that brought it.
	move func(from, to T)
	hold func(T)
	none func() T
}

// payload is telemetry of one kind. Its size is reckoned once: the queue asks for it often.
type payload[T any] struct {
	kind    *kind[T]
	data    T
	records int
	bytes   int
}

func of[T any](k *kind[T], data T) delivery.Payload {
	return &payload[T]{kind: k, data: data, records: k.records(data), bytes: k.size(data)}
}

func (p *payload[T]) Signal() delivery.Signal       { return p.kind.signal }
func (p *payload[T]) Records() int                  { return p.records }
func (p *payload[T]) Bytes() int                    { return p.bytes }
func (p *payload[T]) MarshalProto() ([]byte, error) { return p.kind.proto(p.data) }
func (p *payload[T]) MarshalJSON() ([]byte, error)  { return p.kind.json(p.data) }
func (p *payload[T]) Pdata() any                    { return p.data }

func (p *payload[T]) Halves() (first, second delivery.Payload) {
	middle := p.records / 2
	return of(p.kind, p.kind.slice(p.data, 0, middle)), of(p.kind, p.kind.slice(p.data, middle, p.records))
}

// FromLogs wraps logs of a pipeline, which are the payload's from then on.
func FromLogs(ld plog.Logs) delivery.Payload { return from(&logs, ld) }

// FromMetrics wraps metrics of a pipeline, which are the payload's from then on.
func FromMetrics(md pmetric.Metrics) delivery.Payload { return from(&metrics, md) }

// FromTraces wraps traces of a pipeline, which are the payload's from then on.
func FromTraces(td ptrace.Traces) delivery.Payload { return from(&traces, td) }

func from[T any](k *kind[T], data T) delivery.Payload {
	k.hold(data)
	return of(k, data)
}

// Unmarshal decodes an OTLP export request of the signal, in protobuf.
func Unmarshal(signal delivery.Signal, raw []byte) (delivery.Payload, error) {
	switch signal {
	case delivery.Logs:
		return parse(&logs, logs.parse, raw)
	case delivery.Metrics:
		return parse(&metrics, metrics.parse, raw)
	case delivery.Traces:
		return parse(&traces, traces.parse, raw)
	default:
		return nil, fmt.Errorf("unknown signal %q", signal)
	}
}

// UnmarshalJSON decodes a line of OTLP-JSON of the signal.
func UnmarshalJSON(signal delivery.Signal, raw []byte) (delivery.Payload, error) {
	switch signal {
	case delivery.Logs:
		return parse(&logs, new(plog.JSONUnmarshaler).UnmarshalLogs, raw)
	case delivery.Metrics:
		return parse(&metrics, new(pmetric.JSONUnmarshaler).UnmarshalMetrics, raw)
	case delivery.Traces:
		return parse(&traces, new(ptrace.JSONUnmarshaler).UnmarshalTraces, raw)
	default:
		return nil, fmt.Errorf("unknown signal %q", signal)
	}
}

func parse[T any](k *kind[T], decode func([]byte) (T, error), raw []byte) (delivery.Payload, error) {
	data, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot decode %d bytes of %s: %w", len(raw), k.signal, err)
	}
	return of(k, data), nil
}

var logs = kind[plog.Logs]{
	signal:  delivery.Logs,
	records: plog.Logs.LogRecordCount,
	size:    new(plog.ProtoMarshaler).LogsSize,
	proto:   func(ld plog.Logs) ([]byte, error) { return plogotlp.NewExportRequestFromLogs(ld).MarshalProto() },
	json:    new(plog.JSONMarshaler).MarshalLogs,
	parse: func(raw []byte) (plog.Logs, error) {
		r := plogotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return r.Logs(), err
	},
	slice: sliceLogs,
	move:  func(from, to plog.Logs) { from.ResourceLogs().MoveAndAppendTo(to.ResourceLogs()) },
	hold:  pref.RefLogs,
	none:  plog.NewLogs,
}

var metrics = kind[pmetric.Metrics]{
	signal:  delivery.Metrics,
	records: pmetric.Metrics.DataPointCount,
	size:    new(pmetric.ProtoMarshaler).MetricsSize,
	proto: func(md pmetric.Metrics) ([]byte, error) {
		return pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	},
	json: new(pmetric.JSONMarshaler).MarshalMetrics,
	parse: func(raw []byte) (pmetric.Metrics, error) {
		r := pmetricotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return r.Metrics(), err
	},
	slice: sliceMetrics,
	move:  func(from, to pmetric.Metrics) { from.ResourceMetrics().MoveAndAppendTo(to.ResourceMetrics()) },
	hold:  pref.RefMetrics,
	none:  pmetric.NewMetrics,
}

var traces = kind[ptrace.Traces]{
	signal:  delivery.Traces,
	records: ptrace.Traces.SpanCount,
	size:    new(ptrace.ProtoMarshaler).TracesSize,
	proto: func(td ptrace.Traces) ([]byte, error) {
		return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	},
	json: new(ptrace.JSONMarshaler).MarshalTraces,
	parse: func(raw []byte) (ptrace.Traces, error) {
		r := ptraceotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return r.Traces(), err
	},
	slice: sliceTraces,
	move:  func(from, to ptrace.Traces) { from.ResourceSpans().MoveAndAppendTo(to.ResourceSpans()) },
	hold:  pref.RefTraces,
	none:  ptrace.NewTraces,
}
