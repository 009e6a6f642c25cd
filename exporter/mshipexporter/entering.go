package mshipexporter

// How a batch comes in: from a pipeline, from the back of its own queue, or from
// the dead letters.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
)

// convert ignores the telemetry it is called with: the batch was made at the door and travels in the context.
func convert[T any](ctx context.Context, _ T) (xexporterhelper.Request, error) {
	return element.FromContext(ctx)
}

// enter makes a batch of what a pipeline brings, and takes it through the door.
func enter[T any](h *handle, wrap func(T) delivery.Payload) func(context.Context, T) error {
	return func(ctx context.Context, data T) error {
		el := &element.Element{Batch: delivery.Batch{
			ID: newID(), Payload: wrap(data), History: &delivery.History{FirstSeen: time.Now()},
		}}
		return h.enter(ctx, el)
	}
}

func (h *handle) enter(ctx context.Context, el *element.Element) error {
	if err := h.encode(&el.Batch); err != nil {
		return err
	}
	if h.lane.arrivals == nil {
		return h.admit(ctx, el, nil, h.gather)
	}
	err := h.once(ctx, &el.Batch, func(riders []*storage.Operation) error { return h.admit(ctx, el, riders, h.gather) })
	if err != nil && status.Code(err) != codes.Unavailable {
		return door.Refusal(err, 0)
	}
	return err
}

// encode the payload once, for all who need its bytes at the door.
func (h *handle) encode(b *delivery.Batch) error {
	if h.lane.arrivals == nil && h.journal == nil {
		return nil
	}
	otlp, err := b.Payload.MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("cannot encode %d records: %w", b.Payload.Records(), err))
	}
	b.Payload = payload.Encoded(b.Payload, otlp)
	return nil
}

// admit takes a batch through the door; take puts it where it is to wait.
func (h *handle) admit(ctx context.Context, el *element.Element, riders []*storage.Operation, take func(context.Context, delivery.Batch, queue.Size) error) error {
	ctx = queue.WithRiders(ctx, riders)
	size := sizeOf(el)
	load := door.Load{Bytes: size.Bytes}
	if h.core.cfg.Queue.HasValue() {
		load.Queue = h.core.measure(size)
	}
	return h.core.door.Enter(ctx, load, func() error { return take(ctx, el.Batch, size) })
}

// gather has a small batch wait in the journal for others.
func (h *handle) gather(ctx context.Context, b delivery.Batch, size queue.Size) error {
	if piece, small := h.small(b); small {
		return h.journal.Add(ctx, piece, queue.Riders(ctx))
	}
	return h.store(ctx, b, size)
}

// store hands the batch to the queue, or, where there is none, sends it at once.
func (h *handle) store(ctx context.Context, b delivery.Batch, size queue.Size) (err error) {
	if h.onDisk() && b.Damage == nil {
		// Here, because many can do it at once: the queue encodes under its lock.
		if b.Payload, err = h.encoding.Pressed(b.Payload); err != nil {
			return fmt.Errorf("cannot encode batch %s: %w", b.ID, err)
		}
		h.encoding.Keep(b)
	}
	if h.inMemory() {
		h.core.depth.Add(size)
	}
	err = h.offer(element.WithBatch(ctx, b))
	if err != nil {
		h.encoding.Forget(b.ID)
	}
	if err != nil && h.inMemory() {
		h.core.depth.Remove(size)
	}
	return err
}

// onDisk: there is a queue, and it is in a storage.
func (h *handle) onDisk() bool {
	q := h.core.cfg.Queue
	return q.HasValue() && q.Get().StorageID != nil
}

// inMemory: a queue without storage, which nobody else counts.
func (h *handle) inMemory() bool { return h.core.cfg.Queue.HasValue() && !h.onDisk() }

func sizeOf(el *element.Element) queue.Size {
	return queue.Size{Batches: 1, Records: int64(el.ItemsCount()), Bytes: int64(el.BytesSize())}
}

var errNoQueue = errors.New("there is no queue to go to the back of")

// requeue goes past the door's limit: the batch leaves the front as soon as it stands at the back.
func (h *handle) requeue(ctx context.Context, b delivery.Batch) error {
	if !h.core.cfg.Queue.HasValue() {
		return errNoQueue
	}
	size := sizeOf(&element.Element{Batch: b})
	release, err := h.core.reserve(size.Bytes)
	if err != nil {
		return err
	}
	defer release()
	riders, ended := h.lane.moved(b)
	err = h.store(queue.WithRiders(ctx, riders), b, size)
	ended(err)
	if err != nil {
		return err
	}
	h.core.countRequeued(ctx)
	return nil
}

// push is called by the queue's consumers, and again with the same request after every failure.
func (h *handle) push(ctx context.Context, req xexporterhelper.Request) error {
	el, ok := req.(*element.Element)
	if !ok {
		return errors.New("the queue holds a request that is not ours")
	}
	if _, err := h.lane.sender.Send(ctx, el.Batch); err != nil {
		return err
	}
	if h.inMemory() {
		h.core.depth.Remove(sizeOf(el))
	}
	return nil
}
