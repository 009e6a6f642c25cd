package mshipexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hold"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sink"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/witness"
)

// lane is what one signal has of its own: its sink, its witness, its hold.
type lane struct {
	core    *core
	signal  delivery.Signal
	requeue func(ctx context.Context, b delivery.Batch) error
	witness witness.Witness
	hold    *hold.Hold
	sink    *sink.Sink
	sender  delivery.Sender
}

func newLane(c *core, signal delivery.Signal, requeue func(context.Context, delivery.Batch) error) *lane {
	news := &holdNews{core: c, signal: signal}
	return &lane{
		core: c, signal: signal, requeue: requeue,
		hold: hold.New(hold.Settings{
			Interval: c.backoff().Interval,
			OnChange: news.changed,
		}),
	}
}

// start builds the sink and the chain before it. exporterhelper calls it before it starts the queue.
func (l *lane) start(ctx context.Context, host component.Host) error {
	s, err := l.core.builder.Build(ctx, host, l.signal)
	if err != nil {
		return err
	}
	l.sink = s
	l.sender = l.core.chain(l)
	l.core.addLane(l)
	return nil
}

// stop ends the sink, once.
func (l *lane) stop(ctx context.Context) error {
	if l.sink == nil {
		return nil
	}
	s := l.sink
	l.sink = nil
	return s.Shutdown(ctx)
}
