package mshipexporter

import (
	"context"
	"errors"
	"math"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/journal"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
)

// handle is one signal of an exporter, as the collector sees it: the door in
// front, exporterhelper's queue within, the chain behind. It wraps
// exporterhelper's own exporter, whose shutdown hook would run only after the
// queue has waited for its consumers.
type handle struct {
	core *core
	lane *lane
	// host is the collector's own, which can build sinks.
	host component.Host
	// inner is exporterhelper's exporter; offer enters it with the batch that is in the context.
	inner component.Component
	offer func(ctx context.Context) error
	// encoding of the queue and the journal; journal is nil where there is no queue.
	encoding *element.Encoding
	journal  *journal.Journal
}

type logsExporter struct {
	*handle
	consumer.Logs
}

type metricsExporter struct {
	*handle
	consumer.Metrics
}

type tracesExporter struct {
	*handle
	consumer.Traces
}

func newLogs(ctx context.Context, c *core, set exporter.Settings) (exporter.Logs, error) {
	h, err := newHandle(c, delivery.Logs)
	if err != nil {
		return nil, err
	}
	inner, err := xexporterhelper.NewLogsRequest(ctx, quietSettings(set), convert[plog.Logs], h.push, h.options()...)
	if err != nil {
		return nil, err
	}
	h.inner, h.offer = inner, func(ctx context.Context) error { return inner.ConsumeLogs(ctx, plog.NewLogs()) }
	entry, err := consumer.NewLogs(enter(h, payload.FromLogs), owns)
	return &logsExporter{h, entry}, err
}

func newMetrics(ctx context.Context, c *core, set exporter.Settings) (exporter.Metrics, error) {
	h, err := newHandle(c, delivery.Metrics)
	if err != nil {
		return nil, err
	}
	inner, err := xexporterhelper.NewMetricsRequest(ctx, quietSettings(set), convert[pmetric.Metrics], h.push, h.options()...)
	if err != nil {
		return nil, err
	}
	h.inner, h.offer = inner, func(ctx context.Context) error { return inner.ConsumeMetrics(ctx, pmetric.NewMetrics()) }
	entry, err := consumer.NewMetrics(enter(h, payload.FromMetrics), owns)
	return &metricsExporter{h, entry}, err
}

func newTraces(ctx context.Context, c *core, set exporter.Settings) (exporter.Traces, error) {
	h, err := newHandle(c, delivery.Traces)
	if err != nil {
		return nil, err
	}
	inner, err := xexporterhelper.NewTracesRequest(ctx, quietSettings(set), convert[ptrace.Traces], h.push, h.options()...)
	if err != nil {
		return nil, err
	}
	h.inner, h.offer = inner, func(ctx context.Context) error { return inner.ConsumeTraces(ctx, ptrace.NewTraces()) }
	entry, err := consumer.NewTraces(enter(h, payload.FromTraces), owns)
	return &tracesExporter{h, entry}, err
}

func newHandle(c *core, signal delivery.Signal) (*handle, error) {
	encoding, err := element.NewEncoding(signal, payload.Unmarshal)
	if err != nil {
		return nil, err
	}
	h := &handle{core: c, encoding: encoding}
	h.lane = newLane(c, signal, h.requeue)
	h.lane.comeBack = h.comeBack
	if c.cfg.Queue.HasValue() {
		h.journal = h.newJournal()
	}
	return h, nil
}

func quietSettings(set exporter.Settings) exporter.Settings {
	set.Logger = quiet(set.Logger)
	return set
}

// owns: what comes in is kept decoded, and becomes a part of what goes out.
var owns = consumer.WithCapabilities(consumer.Capabilities{MutatesData: true})

// options turn off in exporterhelper what the chain does: it times nothing,
// its retry sender only sleeps the delay it is given, and its queue never says
// that it is full, because the door does so before.
func (h *handle) options() []exporterhelper.Option {
	options := []exporterhelper.Option{
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		exporterhelper.WithStart(func(ctx context.Context, _ component.Host) error { return h.lane.start(ctx, h.host) }),
		exporterhelper.WithShutdown(h.lane.stop),
	}
	if !h.core.cfg.Queue.HasValue() {
		return options
	}
	q := *h.core.cfg.Queue.Get()
	q.QueueSize, q.BlockOnOverflow = math.MaxInt64, false
	q.Batch = configoptional.None[exporterhelper.BatchConfig]() // the journal's
	return append(options,
		exporterhelper.WithRetry(configretry.BackOffConfig{Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, Multiplier: 1}),
		xexporterhelper.WithQueueBatch(configoptional.Some(q), xexporterhelper.QueueBatchSettings{Encoding: h.encoding}),
	)
}

// Start implements component.Component.
func (h *handle) Start(ctx context.Context, host component.Host) error {
	if err := h.core.start(h, host); err != nil {
		return err
	}
	h.host = host
	h.core.findStorage(host)
	guarded, err := h.guard(ctx, host)
	if err == nil {
		err = h.inner.Start(ctx, guarded)
	}
	if err == nil && h.journal != nil {
		err = h.journal.Open(ctx, h.lane.client)
	}
	if err != nil {
		return errors.Join(err, h.lane.stop(ctx))
	}
	return nil
}

func (h *handle) guard(ctx context.Context, host component.Host) (component.Host, error) {
	q := h.core.cfg.Queue
	if !q.HasValue() || q.Get().StorageID == nil {
		return host, h.lane.recall(ctx, nil)
	}
	return queue.Guard{
		Storage: *q.Get().StorageID, Depth: h.core.depth, Records: element.Records, Bytes: element.Size, Logger: h.core.logger,
		Opened: h.lane.recall, Closing: h.lane.settle, Head: element.HeadSize, FirstSeen: element.FirstSeen, Completed: h.lane.completed,
		Fresh: queue.Fresh{Share: h.core.cfg.FreshShare, For: h.core.cfg.FreshFor},
	}.Host(host)
}

// Shutdown implements component.Component. What is not delivered stays in the queue.
func (h *handle) Shutdown(ctx context.Context) error {
	h.core.shut()
	if h.journal != nil {
		h.journal.Close(ctx)
	}
	err := h.inner.Shutdown(ctx)
	h.core.stop(h)
	return err
}
