package payload

import (
	"slices"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// mergeable is a payload of which others of its signal can become a part.
type mergeable interface {
	merge(all []delivery.Payload) delivery.Payload
	reckoned() delivery.Payload
}

// Merge makes one payload of several of one signal, in order, as if their
// bytes stood one behind the other. It takes what is in them: they are empty
// afterwards. nil where one of them is.
func Merge(all []delivery.Payload) delivery.Payload {
	if len(all) == 0 || slices.Contains(all, nil) {
		return nil
	}
	if len(all) == 1 {
		return all[0]
	}
	return Decoded(all[0]).(mergeable).merge(all)
}

func (p *payload[T]) merge(all []delivery.Payload) delivery.Payload {
	whole := &payload[T]{kind: p.kind, data: p.kind.none()}
	for _, part := range all {
		whole.records += part.Records()
		whole.bytes += part.Bytes()
		p.kind.move(part.Pdata().(T), whole.data)
	}
	return whole
}

// Reckoned gives a payload, of which the telemetry was moved about in place, with the size that it has now.
func Reckoned(p delivery.Payload) delivery.Payload {
	return Decoded(p).(mergeable).reckoned()
}

func (p *payload[T]) reckoned() delivery.Payload { return of(p.kind, p.data) }

// Decoded is a payload without the bytes that it was encoded to.
func Decoded(p delivery.Payload) delivery.Payload {
	if e, ok := p.(*encoded); ok {
		return e.Decoded()
	}
	return p
}
