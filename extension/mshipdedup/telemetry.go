package mshipdedup

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipdedup/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// telemetry is the instruments of one extension; two of them differ in the label dedup.
type telemetry struct {
	*metadata.TelemetryBuilder
	only metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings, id component.ID, s *seen.Set) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	t := &telemetry{TelemetryBuilder: builder, only: metric.WithAttributeSet(attribute.NewSet(attribute.String("dedup", id.String())))}
	// Seen from the start, a counter that stays 0 says something.
	for _, c := range []metric.Int64Counter{t.DedupDuplicatesTotal, t.DedupUnusableTotal, t.DedupWaitsTotal} {
		c.Add(context.Background(), 0, t.only)
	}
	return t, t.watch(s)
}

// watch registers what is read when somebody looks.
func (t *telemetry) watch(s *seen.Set) error {
	observe := func(number func(seen.Stats) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(number(s.Stats()), t.only)
			return nil
		}
	}
	return errors.Join(
		t.RegisterDedupKeysCallback(observe(func(s seen.Stats) int64 { return int64(s.Keys) })),
		t.RegisterDedupEvictedTotalCallback(observe(func(s seen.Stats) int64 { return s.Evicted })),
		t.RegisterDedupUnstoredTotalCallback(observe(func(s seen.Stats) int64 { return s.Unstored })),
		t.RegisterDedupDamagedTotalCallback(observe(func(s seen.Stats) int64 { return s.Damaged })),
	)
}

func (t *telemetry) duplicate() { t.DedupDuplicatesTotal.Add(context.Background(), 1, t.only) }
func (t *telemetry) unusable()  { t.DedupUnusableTotal.Add(context.Background(), 1, t.only) }
func (t *telemetry) waited()    { t.DedupWaitsTotal.Add(context.Background(), 1, t.only) }
