// Package observe counts what touches the wire.
package observe

import (
	"context"
	"errors"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Counters hear of every attempt. They are called concurrently.
type Counters struct {
	// Attempt begins; retry says that it is not the batch's first.
	Attempt func(ctx context.Context, retry bool)
	// Delivered is a payload that the far end took.
	Delivered func(ctx context.Context, p delivery.Payload)
	// Failed for this reason.
	Failed func(ctx context.Context, f *delivery.Failure)
}

// New makes the layer. It stands next to the sink, so that an attempt which
// the breaker or a pause kept off the wire is none. An attempt that was
// cancelled is nobody's failure.
func New(c Counters) delivery.Layer {
	return func(next delivery.Sender) delivery.Sender {
		return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
			c.Attempt(ctx, b.History.Attempts > 0)
			b.History.Attempts++
			outcome, err := next.Send(ctx, b)
			if err != nil {
				if f := delivery.AsFailure(err); f.Fault != delivery.Us && !errors.Is(ctx.Err(), context.Canceled) {
					c.Failed(ctx, f)
				}
				return 0, err
			}
			c.Delivered(ctx, b.Payload)
			return outcome, nil
		})
	}
}
