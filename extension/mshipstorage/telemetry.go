package mshipstorage

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
)

// telemetry is the instruments of one extension; two of them differ in the label storage.
type telemetry struct {
	*metadata.TelemetryBuilder
	storage attribute.KeyValue
	only    metric.MeasurementOption
}

func newTelemetry(set component.TelemetrySettings, id component.ID) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	label := attribute.String("storage", id.String())
	t := &telemetry{TelemetryBuilder: builder, storage: label, only: metric.WithAttributeSet(attribute.NewSet(label))}
	// Seen from the start, a counter that stays 0 says something.
	for _, c := range []metric.Int64Counter{t.StoreFlushesTotal, t.StoreDamagedBytesTotal, t.StoreQuarantinedTotal} {
		c.Add(context.Background(), 0, t.only)
	}
	for _, reason := range []string{store.RefusedMaxBytes, store.RefusedMinFree, store.RefusedDiskFull} {
		t.refused(reason, 0)
	}
	return t, nil
}

func (t *telemetry) refused(reason string, n int64) {
	t.StoreRefusedTotal.Add(context.Background(), n, metric.WithAttributeSet(attribute.NewSet(t.storage, attribute.String("reason", reason))))
}

func (t *telemetry) listen() store.Watch {
	ctx := context.Background()
	return store.Watch{
		Flushed: func(took time.Duration) {
			t.StoreFlushesTotal.Add(ctx, 1, t.only)
			t.StoreFlushSeconds.Record(ctx, took.Seconds(), t.only)
		},
		Refused:     func(reason string) { t.refused(reason, 1) },
		Damaged:     func(bytes int64) { t.StoreDamagedBytesTotal.Add(ctx, bytes, t.only) },
		Quarantined: func() { t.StoreQuarantinedTotal.Add(ctx, 1, t.only) },
	}
}

// watch registers what is read when somebody looks.
func (t *telemetry) watch(s *store.Store) error {
	return errors.Join(
		t.RegisterStoreBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			used, _ := s.Size()
			o.Observe(used, t.only)
			return nil
		}),
		t.RegisterStoreLiveBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			_, live := s.Size()
			o.Observe(live, t.only)
			return nil
		}),
	)
}
