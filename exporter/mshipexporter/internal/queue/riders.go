package queue

import (
	"context"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

type ridersKey struct{}

// WithRiders has the queue write these operations in the Batch that stores the
// item which is offered with this context: on disk they are with it, or not at
// all, where the storage's Batch is atomic.
func WithRiders(ctx context.Context, ops []*storage.Operation) context.Context {
	return context.WithValue(ctx, ridersKey{}, ops)
}

// riders are what goes along with the queue's own operations.
func (c *client) riders(ctx context.Context, ops []*storage.Operation) []*storage.Operation {
	if stores(ops) {
		riders, _ := ctx.Value(ridersKey{}).([]*storage.Operation)
		return riders
	}
	var riders []*storage.Operation
	for _, op := range only(ops, storage.Delete) {
		riders = append(riders, c.ridersOf(op.Key)...)
	}
	return riders
}

// ridersOf a delete.
func (c *client) ridersOf(key string) []*storage.Operation {
	done, ok := c.dispatched[key]
	if !ok || c.completed == nil || len(done.head) == 0 {
		return nil
	}
	return c.completed(done.head)
}
