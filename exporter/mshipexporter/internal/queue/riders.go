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

// Riders are those that [WithRiders] put into the context.
func Riders(ctx context.Context) []*storage.Operation {
	ops, _ := ctx.Value(ridersKey{}).([]*storage.Operation)
	return ops
}

// riders are what goes along with the queue's own operations. ended is called
// with what became of the Batch.
func (c *client) riders(ctx context.Context, ops []*storage.Operation) (riders []*storage.Operation, ended func(error)) {
	if stores(ops) {
		return Riders(ctx), func(error) {}
	}
	var all []func(error)
	for _, op := range only(ops, storage.Delete) {
		if f, ok := c.dispatched[op.Key]; ok && c.completed != nil && len(f.head) > 0 {
			more, one := c.completed(f.head)
			riders, all = append(riders, more...), append(all, one)
		}
	}
	return riders, func(err error) {
		for _, one := range all {
			one(err)
		}
	}
}
