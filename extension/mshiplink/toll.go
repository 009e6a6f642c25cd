package mshiplink

import (
	"context"
	"fmt"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
)

// Toll is for a sink that connects by itself, where the link sees nothing: pay waits until so
// many bytes are granted out of the sink's share, those that are express before all that are
// not. done must be called once; it counts them as sent, or gives them back. A wait ends with
// ctx, with leave and with the link; then nothing is counted and nothing owed.
func (l *Link) Toll(sink string, weight int, urgent bool) (pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error), leave func()) {
	if l.pacer == nil {
		return func(context.Context, int, bool) (func(bool), error) { return nil, errNotStarted }, func() {}
	}
	m := l.join(sink, weight, urgent)
	return m.pay, m.Leave
}

func (m *member) pay(ctx context.Context, bytes int, express bool) (done func(sent bool), err error) {
	until := pacer.Interrupt{Closed: ctx.Done()}
	for granted := 0; granted < bytes; {
		n, err := m.Take(bytes-granted, express, until)
		if err != nil {
			m.Return(granted)
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return nil, fmt.Errorf("waiting for the link: %w", err)
		}
		m.link.meters.sent(n)
		granted += n
	}
	return func(sent bool) {
		if sent {
			m.paid(bytes)
		} else {
			m.Return(bytes)
		}
	}, nil
}
