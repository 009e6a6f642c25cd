package queue

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// restore puts what was in flight when the last run ended back to the front of
// the queue, in one Batch, and gives the queue's metadata.
//
// exporterhelper deletes those items before it puts them back, at the end: a
// kill in between loses them all. After restore it finds nothing to do. The
// front has always room: in-flight indexes lie below the read index, and are
// as many as the indexes they move to.
func restore(ctx context.Context, c storage.Client) (metadata, error) {
	raw, err := c.Get(ctx, metadataKey)
	if err != nil {
		return metadata{}, fmt.Errorf("cannot read the queue's metadata: %w", err)
	}
	m, ok := parseMetadata(raw)
	if !ok || len(m.dispatched) == 0 {
		// What we do not understand is not ours to mend: exporterhelper decides what becomes of it.
		return m, nil
	}
	slices.Sort(m.dispatched)
	ops := make([]*storage.Operation, len(m.dispatched))
	for i, index := range m.dispatched {
		ops[i] = storage.GetOperation(itemKey(index))
	}
	if err := c.Batch(ctx, ops...); err != nil {
		return metadata{}, fmt.Errorf("cannot read %d batches that were in flight: %w", len(ops), err)
	}
	moved, m := toFront(m, ops)
	if err := c.Batch(ctx, moved...); err != nil {
		return metadata{}, fmt.Errorf("cannot put %d batches that were in flight back into the queue: %w", len(ops), err)
	}
	return m, nil
}

// toFront moves the items read to the indexes just below the read index, in order.
func toFront(m metadata, read []*storage.Operation) ([]*storage.Operation, metadata) {
	var items [][]byte
	var ops []*storage.Operation
	for _, op := range read {
		ops = append(ops, storage.DeleteOperation(op.Key))
		if op.Value != nil {
			items = append(items, op.Value)
		}
	}
	m.read -= uint64(len(items))
	for i, value := range items {
		ops = append(ops, storage.SetOperation(itemKey(m.read+uint64(i)), value))
	}
	m.dispatched = nil
	return append(ops, storage.SetOperation(metadataKey, m.marshal())), m
}
