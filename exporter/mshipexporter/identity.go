package mshipexporter

import (
	"context"
	"crypto/sha256"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/ledger"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// once takes a batch in, unless the same has come in within the window; then
// it is answered with success and goes no further. The client's key, where it
// sends one, becomes the batch's id. The content alone decides whether it is
// the same, so that a pipeline which takes a request apart loses nothing.
func (h *handle) once(ctx context.Context, b *delivery.Batch, enter func(riders []*storage.Operation) error) error {
	request, name, ok := h.identify(ctx, *b)
	if !ok {
		return enter(nil)
	}
	duplicate, err := h.lane.arrivals.Once(ctx, request, func(riders []*storage.Operation, other bool) error {
		if name != "" {
			b.ID = h.adopt(name, request, other)
		}
		return enter(riders)
	})
	if duplicate {
		h.core.tel.DoorDuplicateTotal.Add(ctx, 1, h.core.tel.only)
	}
	return err
}

// identify tells what a batch is known by, and the name that the client gave
// it. ok: it can be told from an equal one.
func (h *handle) identify(ctx context.Context, b delivery.Batch) (r ledger.Request, name string, ok bool) {
	otlp, err := b.Payload.MarshalProto()
	if err != nil {
		return r, "", false // it has been encoded before
	}
	signal, digest := string(b.Payload.Signal()), sha256.Sum256(otlp)
	if name = clientKey(ctx, h.core.cfg.Idempotency.Header); name != "" {
		r.Name = seen.KeyOf("name", signal, name)
		r.Content = seen.KeyOf("named", signal, name, string(digest[:]))
		return r, name, true
	}
	if !payload.Distinct(b.Payload) {
		return r, "", false
	}
	r.Content = seen.KeyOf("content", signal, string(digest[:]))
	r.Name = r.Content
	return r, "", true
}

// clientKey is the idempotency key that came with the request; "" for none. The
// receiver passes it on with include_metadata.
func clientKey(ctx context.Context, header string) string {
	if values := client.FromContext(ctx).Metadata.Get(header); len(values) == 1 {
		return values[0]
	}
	return ""
}

// adopt makes an id of a client's key: the key itself where it is a UUID. But
// the second content of one key is another batch; so is what comes after the
// window has forgotten the key, while the ledger remembers the batch.
func (h *handle) adopt(name string, r ledger.Request, other bool) delivery.ID {
	id := delivery.ID(r.Name).Part('n')
	if u, err := uuid.Parse(name); err == nil {
		id = delivery.ID(u)
	}
	if other || h.lane.ledger.Done(id) {
		id = delivery.ID(r.Content).Part('n')
	}
	return id
}
