package mshipexporter

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/observe"
)

// telemetry is one exporter's instruments. They are made once for all its
// signals: made once for each, counters of one label would add up unseen.
type telemetry struct {
	*metadata.TelemetryBuilder
	sink attribute.KeyValue
	only metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings, label string) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	sink := attribute.String("sink", label)
	t := &telemetry{TelemetryBuilder: builder, sink: sink, only: metric.WithAttributeSet(attribute.NewSet(sink))}
	// Seen from the start, a counter that stays 0 says something.
	for _, c := range []metric.Int64Counter{t.SinkAttemptsTotal, t.SinkRetryTotal, t.SinkErrorTotal, t.SinkTimeoutTotal, t.SinkCircuitOpenTotal, t.QueueRequeuedTotal, t.SinkDuplicateTotal, t.DoorDuplicateTotal, t.DeadLetterReplayedTotal} {
		c.Add(context.Background(), 0, t.only)
	}
	return t, nil
}

func (t *telemetry) with(attrs ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(attrs, t.sink)...))
}

// watch registers what is read when somebody looks.
func (t *telemetry) watch(c *core) error {
	return errors.Join(
		t.RegisterSinkCircuitStateCallback(t.observe(func() int64 { return int64(c.state()) })),
		t.RegisterQueueDepthCallback(t.observe(func() int64 { return c.queued().Batches })),
		t.RegisterQueueBytesCallback(t.observe(func() int64 { return c.queued().Bytes })),
		t.RegisterDeadLetterBytesCallback(t.observe(func() int64 { _, bytes, _ := c.letters.Total(); return bytes })),
		t.RegisterQueueOldestAgeSecondsCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(c.oldestAge().Seconds(), t.only)
			return nil
		}),
		t.RegisterQueueDrainEtaSecondsCallback(c.observeDrain),
		t.RegisterSignalHeldCallback(func(_ context.Context, o metric.Int64Observer) error {
			for signal, held := range c.held() {
				o.Observe(held, t.with(attribute.String("signal", string(signal))))
			}
			return nil
		}),
	)
}

func (t *telemetry) observe(value func() int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(value(), t.only)
		return nil
	}
}

func (t *telemetry) counters(tally *tally) observe.Counters {
	return observe.Counters{
		Attempt: func(ctx context.Context, retry bool) {
			t.SinkAttemptsTotal.Add(ctx, 1, t.only)
			if retry {
				t.SinkRetryTotal.Add(ctx, 1, t.only)
				tally.retries.Add(1)
			}
		},
		Delivered: func(ctx context.Context, p delivery.Payload) {
			t.SinkDeliveredRecordsTotal.Add(ctx, int64(p.Records()), t.with(attribute.String("signal", string(p.Signal()))))
			tally.delivered(p)
		},
		Failed: func(ctx context.Context, f *delivery.Failure) {
			t.SinkErrorTotal.Add(ctx, 1, t.only)
			if f.Timeout {
				t.SinkTimeoutTotal.Add(ctx, 1, t.only)
			}
			tally.failed(f)
		},
	}
}
