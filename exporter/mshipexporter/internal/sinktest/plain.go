package sinktest

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
)

// PlainType is the type of the sinks that know no middlewares.
var PlainType = component.MustNewType("fakesink")

type plainConfig struct {
	Setting string `mapstructure:"setting"`
}

// Plain is a factory of sinks without middlewares: what the script answers is
// all that the chain gets to know.
func (s *Shore) Plain() exporter.Factory {
	return s.factory(PlainType, func() component.Config { return &plainConfig{} },
		func(component.Config) sender { return plain{} })
}

// sender is how the sinks of one factory reach the shore.
type sender interface {
	start(host component.Host) error
	// send calls attempt, or lets it be called by what the data passes on its way.
	send(ctx context.Context, data any, attempt func(context.Context) error) error
}

type plain struct{}

func (plain) start(component.Host) error { return nil }

func (plain) send(ctx context.Context, _ any, attempt func(context.Context) error) error {
	return attempt(ctx)
}

// sink is an exporter of one signal.
type sink struct {
	shore  *Shore
	sender sender
}

// Start implements component.Component.
func (k *sink) Start(_ context.Context, host component.Host) error {
	if err := k.sender.start(host); err != nil {
		return err
	}
	k.shore.start()
	return nil
}

// Shutdown implements component.Component.
func (k *sink) Shutdown(context.Context) error {
	k.shore.stop()
	return nil
}

func (k *sink) consume(ctx context.Context, signal pipeline.Signal, records []string, data any) error {
	return k.sender.send(ctx, data, func(ctx context.Context) error {
		return k.shore.attempt(ctx, Attempt{Signal: signal, Records: records, Data: data})
	})
}

type logsSink struct {
	*sink
	consumer.Logs
}

type metricsSink struct {
	*sink
	consumer.Metrics
}

type tracesSink struct {
	*sink
	consumer.Traces
}

func (s *Shore) factory(t component.Type, config component.CreateDefaultConfigFunc, reach func(component.Config) sender) exporter.Factory {
	return exporter.NewFactory(t, config,
		exporter.WithLogs(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			k := &sink{s, reach(cfg)}
			c, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
				return k.consume(ctx, pipeline.SignalLogs, logNames(ld), ld)
			})
			return logsSink{k, c}, err
		}, component.StabilityLevelStable),
		exporter.WithMetrics(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
			k := &sink{s, reach(cfg)}
			c, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
				return k.consume(ctx, pipeline.SignalMetrics, metricNames(md), md)
			})
			return metricsSink{k, c}, err
		}, component.StabilityLevelStable),
		exporter.WithTraces(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Traces, error) {
			k := &sink{s, reach(cfg)}
			c, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
				return k.consume(ctx, pipeline.SignalTraces, spanNames(td), td)
			})
			return tracesSink{k, c}, err
		}, component.StabilityLevelStable),
	)
}
