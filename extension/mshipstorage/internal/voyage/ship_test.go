package voyage

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter"
)

var shipID = component.MustNewIDWithName("mship", "shore")

// ship is a running exporter on a running store.
type ship struct {
	storage *onDisk
	logs    exporter.Logs
	blade   *blade
}

// host has what a collector would have: the sink's factory and the storage.
type host struct {
	component.Host
	sink    exporter.Factory
	storage component.Component
}

// GetFactory implements hostcapabilities.ComponentFactory.
func (h host) GetFactory(kind component.Kind, t component.Type) component.Factory {
	if kind != component.KindExporter || t != sinkType {
		return nil
	}
	return h.sink
}

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.storage}
}

// launch starts a ship on what is on the disk.
func (w *world) launch(b *blade) (*ship, error) {
	if err := w.letters.lay(); err != nil {
		return nil, err
	}
	s := &ship{blade: b}
	var err error
	if s.storage, err = openStorage(w.disk, b); err != nil {
		return nil, err
	}
	if s.logs, err = w.build(); err != nil {
		return nil, errors.Join(err, s.storage.Close())
	}
	aboard := host{componenttest.NewNopHost(), sinks(wire{w.coast, b}), s.storage}
	if err := s.logs.Start(context.Background(), aboard); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (w *world) build() (exporter.Logs, error) {
	factory := mshipexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{
		"sink":          map[string]any{sinkType.String(): map[string]any{}},
		"sending_queue": map[string]any{"storage": storageID.String()},
		"dead_letter":   map[string]any{"directory": w.letters.dir},
	})
	if w.route.parcel > 0 {
		batch := map[string]any{"sizer": "items", "min_size": w.route.parcel, "max_size": 2 * w.route.parcel, "flush_timeout": "1s"}
		if err := settings.Merge(confmap.NewFromStringMap(map[string]any{"sending_queue": map[string]any{"batch": batch}})); err != nil {
			return nil, err
		}
	}
	if w.route.fresh {
		fresh := map[string]any{"fresh_share": 0.5, "fresh_for": "900ms", "sending_queue": map[string]any{"num_consumers": 1}}
		if err := settings.Merge(confmap.NewFromStringMap(fresh)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(settings.Unmarshal(cfg), confmap.Validate(cfg)); err != nil {
		return nil, err
	}
	set := exportertest.NewNopSettings(factory.Type())
	set.ID = shipID
	return factory.CreateLogs(context.Background(), set, cfg)
}

// stop is an orderly shutdown.
func (s *ship) stop() error {
	return errors.Join(s.logs.Shutdown(context.Background()), s.storage.Close())
}
