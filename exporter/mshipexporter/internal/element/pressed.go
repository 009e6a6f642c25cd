package element

import (
	"fmt"
	"math"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// pressed is a payload on its way to a store, with its body.
type pressed struct {
	// Payload is nil where only the body is in memory: then it can be stored, and nothing else.
	delivery.Payload
	signal  delivery.Signal
	body    Body
	records int
}

// NewPressed gives a payload of which the body is at hand, and whole, the same
// decoded, or nil.
func NewPressed(signal delivery.Signal, body Body, records int, whole delivery.Payload) delivery.Payload {
	return &pressed{Payload: whole, signal: signal, body: body, records: records}
}

// Signal implements delivery.Payload.
func (p *pressed) Signal() delivery.Signal { return p.signal }

// Records implements delivery.Payload.
func (p *pressed) Records() int { return p.records }

// Bytes implements delivery.Payload.
func (p *pressed) Bytes() int { return p.body.OTLP }

// decoded is a payload that holds its OTLP bytes beside what they are made of.
type decoded interface{ Decoded() delivery.Payload }

// Pressed makes the body of a payload, if it has none yet.
func (e *Encoding) Pressed(p delivery.Payload) (delivery.Payload, error) {
	if _, done := p.(*pressed); done {
		return p, nil
	}
	otlp, err := p.MarshalProto()
	if err != nil {
		return nil, err
	}
	if uint64(len(otlp)) > math.MaxUint32 {
		return nil, fmt.Errorf("%d bytes are more than a batch can have", len(otlp))
	}
	if d, ok := p.(decoded); ok {
		p = d.Decoded()
	}
	return NewPressed(e.signal, e.Press(otlp), p.Records(), p), nil
}
