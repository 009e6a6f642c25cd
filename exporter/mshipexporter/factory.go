// Package mshipexporter wraps any exporter of the collector in what a
// satellite link needs: retries, a circuit breaker, proof of delivery and dead
// letters, around the collector's own persistent queue.
//
// Start reading at chain.go.
package mshipexporter

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
)

// NewFactory makes the factory of the exporter type mship.
func NewFactory() exporter.Factory {
	f := &factory{cores: map[*Config]*core{}, labels: &labels{taken: map[string]component.ID{}}}
	return exporter.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		exporter.WithTraces(f.createTraces, metadata.TracesStability),
		exporter.WithMetrics(f.createMetrics, metadata.MetricsStability),
		exporter.WithLogs(f.createLogs, metadata.LogsStability),
	)
}

// factory keeps what the signals of one exporter share. The collector hands
// the same *Config to each signal of an exporter, and makes new factories when
// it reloads, so nothing outlives its service.
type factory struct {
	mu     sync.Mutex
	cores  map[*Config]*core
	labels *labels
}

func (f *factory) core(set exporter.Settings, cfg component.Config) (*core, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	own := cfg.(*Config)
	if c, ok := f.cores[own]; ok {
		return c, nil
	}
	c, err := newCore(own, set, f.labels)
	if err != nil {
		return nil, err
	}
	f.cores[own] = c
	return c, nil
}

func (f *factory) createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	c, err := f.core(set, cfg)
	if err != nil {
		return nil, err
	}
	return newTraces(ctx, c, set)
}

func (f *factory) createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	c, err := f.core(set, cfg)
	if err != nil {
		return nil, err
	}
	return newMetrics(ctx, c, set)
}

func (f *factory) createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	c, err := f.core(set, cfg)
	if err != nil {
		return nil, err
	}
	return newLogs(ctx, c, set)
}

// labels keeps two exporters from counting under one name.
type labels struct {
	mu    sync.Mutex
	taken map[string]component.ID
}

func (l *labels) take(label string, id component.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, ok := l.taken[label]; ok {
		return fmt.Errorf("%s and %s would both count as sink %q: give one of them another name, such as mship/NAME", other, id, label)
	}
	l.taken[label] = id
	return nil
}

func (l *labels) free(label string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.taken, label)
}
