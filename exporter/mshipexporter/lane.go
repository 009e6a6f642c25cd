package mshipexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/halve"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hold"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/ledger"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sink"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/witness"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// lane is what one signal has of its own: its sink, its witness, its hold.
type lane struct {
	core    *core
	signal  delivery.Signal
	requeue func(ctx context.Context, b delivery.Batch) error
	// comeBack takes a batch in that was parked.
	comeBack func(ctx context.Context, b delivery.Batch) error
	witness  witness.Witness
	// arrivals and ledger are nil where idempotency is off.
	arrivals *ledger.Arrivals
	ledger   *ledger.Ledger
	seen     *seen.Set
	// client is the queue's storage; nil where there is none.
	client storage.Client
	hold   *hold.Hold
	sink   *sink.Sink
	// regroup: the parcels of this signal are ordered so that they compress.
	regroup bool
	sender  delivery.Sender
}

func newLane(c *core, signal delivery.Signal, requeue func(context.Context, delivery.Batch) error) *lane {
	news := &holdNews{core: c, signal: signal}
	l := &lane{
		core: c, signal: signal, requeue: requeue,
		hold: hold.New(hold.Settings{
			Interval: c.backoff().Interval,
			OnChange: news.changed,
		}),
	}
	if c.cfg.Idempotency.Enabled {
		l.arrivals, l.ledger = ledger.NewArrivals(c.closing.Closed()), ledger.New(c.countDuplicate)
	}
	return l
}

// settled keeps what is done off the wire.
func (l *lane) settled() delivery.Layer {
	if l.ledger == nil {
		return passed
	}
	return l.ledger.Layer
}

// halves finds the bad records of a refused batch.
func (l *lane) halves() delivery.Layer {
	if l.ledger == nil {
		return halve.New(l.core.park, func(delivery.ID) bool { return false })
	}
	return halve.New(l.parkPart, l.ledger.Divided)
}

// parkPart parks a part of a batch, or what is left of the whole.
func (l *lane) parkPart(b delivery.Batch, reason string, f *delivery.Failure) error {
	err := l.core.park(b, reason, f)
	if err == nil {
		l.ledger.Parked(b)
	}
	return err
}

func (l *lane) parts() delivery.Layer {
	if l.ledger == nil {
		return passed
	}
	return l.ledger.Parts
}

// passed is a layer that does nothing.
func passed(next delivery.Sender) delivery.Sender { return next }

// maxRemembered bounds the batches and requests that a signal remembers: 24
// bytes of memory each, for longer than the window only if fewer come.
const maxRemembered = 1_000_000

// recall reads what an earlier run remembered beside its queue. c is nil where
// there is no storage: then it is remembered in memory.
func (l *lane) recall(ctx context.Context, c storage.Client) error {
	l.client = c
	if l.ledger == nil {
		return nil
	}
	s, err := seen.Open(ctx, c, seen.Settings{Name: "batches", Window: l.core.cfg.Idempotency.Window, MaxKeys: maxRemembered, Logger: l.core.logger})
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	l.seen = s
	l.arrivals.Use(s)
	l.ledger.Use(s, c != nil)
	return nil
}

// settle stores what is remembered, before the storage's client is closed.
func (l *lane) settle(ctx context.Context) {
	if l.seen == nil {
		return
	}
	if err := l.seen.Close(ctx); err != nil {
		l.core.logger.Debug("cannot store all that is remembered", zap.Error(err))
	}
}

// completed gives what is written when an element leaves the queue.
func (l *lane) completed(head []byte) (riders []*storage.Operation, ended func(error)) {
	id, ok := element.Ledgered(head)
	if !ok || l.ledger == nil {
		return nil, func(error) {}
	}
	return l.ledger.Completed(id)
}

// moved gives what is written when a batch goes to the back of the queue.
func (l *lane) moved(b delivery.Batch) (riders []*storage.Operation, ended func(error)) {
	if l.ledger == nil {
		return nil, func(error) {}
	}
	return l.ledger.Moved(b)
}

// start builds the sink and the chain before it. exporterhelper calls it before it starts the queue.
func (l *lane) start(ctx context.Context, host component.Host) error {
	s, err := l.core.builder.Build(ctx, host, l.signal)
	if err != nil {
		return err
	}
	l.sink = s
	l.decideOnRegroup()
	l.sender = l.core.chain(l)
	l.core.addLane(l)
	return nil
}

// stop ends the sink, once.
func (l *lane) stop(ctx context.Context) error {
	l.settle(ctx)
	if l.sink == nil {
		return nil
	}
	s := l.sink
	l.sink = nil
	return s.Shutdown(ctx)
}
