// Package element is what the sending queue holds: one batch of any signal,
// with its identity. FORMAT.md says what it looks like on disk.
package element

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Element is a batch as exporterhelper's queue takes it.
type Element struct{ Batch delivery.Batch }

var (
	_ xexporterhelper.Request             = (*Element)(nil)
	_ xexporterhelper.RequestErrorHandler = (*Element)(nil)
)

// ItemsCount is the number of records, 0 for bytes that could not be read.
func (e *Element) ItemsCount() int {
	if e.Batch.Damage != nil {
		return 0
	}
	return e.Batch.Payload.Records()
}

// BytesSize is what the element takes before it is compressed.
func (e *Element) BytesSize() int {
	if d := e.Batch.Damage; d != nil {
		return len(d.Raw)
	}
	return headerSize + e.Batch.Payload.Bytes()
}

// MergeSplit is never called: what is queued goes to the wire as it is.
func (e *Element) MergeSplit(context.Context, int, exporterhelper.RequestSizerType, xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	return nil, errors.New("a queued batch is never merged or split")
}

// OnError keeps the element as it is: partial progress lives in its History.
func (e *Element) OnError(error) xexporterhelper.Request { return e }

type batchKey struct{}

// WithBatch hands a batch through exporterhelper's Consume to [FromContext].
func WithBatch(ctx context.Context, b delivery.Batch) context.Context {
	return context.WithValue(ctx, batchKey{}, b)
}

// FromContext makes the element for the batch that [WithBatch] put there.
func FromContext(ctx context.Context) (xexporterhelper.Request, error) {
	b, ok := ctx.Value(batchKey{}).(delivery.Batch)
	if !ok {
		return nil, errors.New("no batch in the context: the exporter was entered past its door")
	}
	return &Element{Batch: b}, nil
}
