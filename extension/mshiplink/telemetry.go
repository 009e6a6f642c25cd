package mshiplink

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/metadata"
)

// telemetry is the instruments of one link. All are read when somebody looks.
type telemetry struct {
	*metadata.TelemetryBuilder
	link *Link
}

func newTelemetry(l *Link) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(l.set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder, link: l}
	return t, errors.Join(
		t.RegisterLinkBytesTotalCallback(t.bytes),
		t.RegisterLinkWaitSecondsTotalCallback(t.waits),
		t.RegisterLinkRateBytesPerSecondCallback(t.rate),
		t.RegisterLinkAllowanceRemainingBytesCallback(t.remaining),
	)
}

func (t *telemetry) labels(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("link", t.link.set.ID.String()))...))
}

func (t *telemetry) bytes(_ context.Context, o metric.Int64Observer) error {
	t.link.meters.each(func(sink string, one *meter) {
		name := attribute.String("sink", sink)
		o.Observe(one.up.Load(), t.labels(name, attribute.String("direction", "up")))
		o.Observe(one.down.Load(), t.labels(name, attribute.String("direction", "down")))
	})
	return nil
}

func (t *telemetry) waits(_ context.Context, o metric.Float64Observer) error {
	t.link.meters.each(func(sink string, one *meter) {
		o.Observe(one.waits.total(), t.labels(attribute.String("sink", sink)))
	})
	return nil
}

func (t *telemetry) rate(_ context.Context, o metric.Int64Observer) error {
	o.Observe(t.link.meters.rate(), t.labels())
	return nil
}

func (t *telemetry) remaining(_ context.Context, o metric.Int64Observer) error {
	if account := t.link.account; account != nil {
		o.Observe(account.Left(), t.labels())
	}
	return nil
}
