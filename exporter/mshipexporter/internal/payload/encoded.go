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

// Decoded is the payload without the bytes, which take room.
func (e *encoded) Decoded() delivery.Payload { return e.Payload }
