// Package hosttest is a collector's host for tests: it has factories and
// extensions, and remembers what is reported to it.
package hosttest

import (
	"slices"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/service/hostcapabilities"
)

// Host is safe for concurrent use.
type Host struct {
	factories  map[component.Type]component.Factory
	extensions map[component.ID]component.Component

	mu       sync.Mutex
	statuses []*componentstatus.Event
}

var (
	_ hostcapabilities.ComponentFactory = (*Host)(nil)
	_ componentstatus.Reporter          = (*Host)(nil)
)

// New makes a host with the exporters of the distribution and more; of two of
// one type the later one counts.
func New(extensions map[component.ID]component.Component, more ...exporter.Factory) *Host {
	h := &Host{factories: map[component.Type]component.Factory{}, extensions: extensions}
	stock := []exporter.Factory{
		otlphttpexporter.NewFactory(), otlpexporter.NewFactory(), debugexporter.NewFactory(), fileexporter.NewFactory(),
	}
	for _, f := range append(stock, more...) {
		h.factories[f.Type()] = f
	}
	return h
}

// GetFactory implements hostcapabilities.ComponentFactory; it knows exporters only.
func (h *Host) GetFactory(kind component.Kind, t component.Type) component.Factory {
	if kind != component.KindExporter {
		return nil
	}
	return h.factories[t]
}

// GetExtensions implements component.Host.
func (h *Host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report implements componentstatus.Reporter.
func (h *Host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, e)
}

// Statuses are the events reported so far, in order.
func (h *Host) Statuses() []*componentstatus.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.statuses)
}
