package element

import (
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/internal/frame"
)

// Body is an OTLP message as it is stored: zstd frames, one behind the other.
// Messages that stand one behind the other are one (protobuf: repeated fields
// add up), and so are their bodies: nothing is compressed twice.
type Body struct {
	Frames []byte
	// OTLP is the length of the message in bytes.
	OTLP int
}

// Press makes a body of an OTLP message.
func (e *Encoding) Press(otlp []byte) Body {
	return Body{Frames: e.coder.Append(nil, otlp), OTLP: len(otlp)}
}

// Join makes one body of several, in order. Small ones are compressed anew, as
// one: apart they would take twice the room.
func (e *Encoding) Join(bodies []Body) Body {
	var all Body
	for _, b := range bodies {
		all.OTLP += b.OTLP
	}
	if len(bodies) > 1 && all.OTLP < len(bodies)*frame.LongFrom {
		if pressed, ok := e.anew(bodies, all.OTLP); ok {
			return pressed
		}
	}
	for _, b := range bodies {
		all.Frames = append(all.Frames, b.Frames...)
	}
	return all
}

// anew is not ok where a body does not open: that is found out, and reported, by whoever reads the whole.
func (e *Encoding) anew(bodies []Body, size int) (pressed Body, ok bool) {
	otlp := make([]byte, 0, size)
	for _, b := range bodies {
		more, err := e.open(b)
		if err != nil {
			return Body{}, false
		}
		otlp = append(otlp, more...)
	}
	return e.Press(otlp), true
}

func (e *Encoding) open(b Body) ([]byte, error) { return e.coder.Open(b.Frames, b.OTLP) }

// Decode gives the payload that a body holds.
func (e *Encoding) Decode(b Body) (delivery.Payload, error) {
	otlp, err := e.open(b)
	if err != nil {
		return nil, err
	}
	return e.decode(e.signal, otlp)
}
