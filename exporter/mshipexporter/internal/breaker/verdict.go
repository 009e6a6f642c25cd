package breaker

import (
	"errors"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// errNothing: neither a success nor a failure.
var errNothing = errors.New("counts for nothing")

// breaks counts a connection that broke once, however many requests were on it.
// It has no lock. Its clock ticks at every begin and at every break that counts,
// so that "began before that" is exact.
type breaks struct {
	clock, last uint64
}

// begin gives when an attempt begins.
func (b *breaks) begin() uint64 {
	b.clock++
	return b.clock
}

// verdict is what gobreaker is told of an attempt: nil is a success.
func (b *breaks) verdict(began uint64, err error) error {
	if err == nil {
		return nil
	}
	f := delivery.AsFailure(err)
	switch {
	case f.Fault == delivery.ThisBatch:
		return nil
	case f.Fault == delivery.Us:
		return errNothing
	case !f.Broken:
		return f
	case began < b.last:
		return errNothing
	default:
		b.clock++
		b.last = b.clock
		return f
	}
}
