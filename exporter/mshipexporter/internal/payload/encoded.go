package payload

import "github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"

// encoded is a payload whose bytes are at hand.
type encoded struct {
	delivery.Payload
	otlp []byte
}

// Encoded gives a payload that is not encoded again: otlp are its bytes, which nobody changes.
func Encoded(p delivery.Payload, otlp []byte) delivery.Payload { return &encoded{p, otlp} }

// Bytes implements delivery.Payload.
func (e *encoded) Bytes() int { return len(e.otlp) }

// MarshalProto implements delivery.Payload.
func (e *encoded) MarshalProto() ([]byte, error) { return e.otlp, nil }

// sealed is a payload on its way to a store: it has no more than bytes.
type sealed struct {
	delivery.Payload
	signal  delivery.Signal
	otlp    []byte
	records int
}

// Sealed gives a payload that can be stored, and nothing else: whoever reads it back decodes it.
func Sealed(signal delivery.Signal, otlp []byte, records int) delivery.Payload {
	return &sealed{signal: signal, otlp: otlp, records: records}
}

// Signal implements delivery.Payload.
func (s *sealed) Signal() delivery.Signal { return s.signal }

// Records implements delivery.Payload.
func (s *sealed) Records() int { return s.records }

// Bytes implements delivery.Payload.
func (s *sealed) Bytes() int { return len(s.otlp) }

// MarshalProto implements delivery.Payload.
func (s *sealed) MarshalProto() ([]byte, error) { return s.otlp, nil }
