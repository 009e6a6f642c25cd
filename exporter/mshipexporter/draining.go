package mshipexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/drain"
)

// followDrain notes what is queued, again and again.
func (c *core) followDrain(ctx context.Context) {
	ticker := time.NewTicker(drain.Step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.drain.Note(c.queued().Bytes)
		}
	}
}

// observeDrain says nothing while the queue does not drain: any number would be a promise.
func (c *core) observeDrain(_ context.Context, o metric.Float64Observer) error {
	if left, ok := c.drain.Left(c.queued().Bytes); ok {
		o.Observe(left.Seconds(), c.tel.only)
	}
	return nil
}
