package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
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

// convert ignores the telemetry it is called with: the batch was made at the door and travels in the context.
func convert[T any](ctx context.Context, _ T) (xexporterhelper.Request, error) {
	return element.FromContext(ctx)
}

// enter makes a batch of what a pipeline brings, and takes it through the door.
func enter[T any](h *handle, wrap func(T) delivery.Payload) func(context.Context, T) error {
	return func(ctx context.Context, data T) error {
		el := &element.Element{Batch: delivery.Batch{
			ID: newID(), Payload: wrap(data), History: &delivery.History{FirstSeen: time.Now()},
		}}
		return h.enter(ctx, el)
	}
}

func (h *handle) enter(ctx context.Context, el *element.Element) error {
	if err := h.encode(&el.Batch); err != nil {
		return err
	}
	if h.lane.arrivals == nil {
		return h.admit(ctx, el, nil, h.gather)
	}
	err := h.once(ctx, &el.Batch, func(riders []*storage.Operation) error { return h.admit(ctx, el, riders, h.gather) })
	if err != nil && status.Code(err) != codes.Unavailable {
		return door.Refusal(err, 0)
	}
	return err
}

// encode the payload once, for all who need its bytes at the door.
func (h *handle) encode(b *delivery.Batch) error {
	if h.lane.arrivals == nil && h.journal == nil {
		return nil
	}
	otlp, err := b.Payload.MarshalProto()
	if err != nil {
		return consumererror.NewPermanent(fmt.Errorf("cannot encode %d records: %w", b.Payload.Records(), err))
	}
	b.Payload = payload.Encoded(b.Payload, otlp)
	return nil
}

// admit takes a batch through the door; take puts it where it is to wait.
func (h *handle) admit(ctx context.Context, el *element.Element, riders []*storage.Operation, take func(context.Context, delivery.Batch, queue.Size) error) error {
	ctx = queue.WithRiders(ctx, riders)
	size := sizeOf(el)
	load := door.Load{Bytes: size.Bytes}
	if h.core.cfg.Queue.HasValue() {
		load.Queue = h.core.measure(size)
	}
	return h.core.door.Enter(ctx, load, func() error { return take(ctx, el.Batch, size) })
}

// gather has a small batch wait in the journal for others.
func (h *handle) gather(ctx context.Context, b delivery.Batch, size queue.Size) error {
	if piece, small := h.small(b); small {
		return h.journal.Add(ctx, piece, queue.Riders(ctx))
	}
	return h.store(ctx, b, size)
}

// store hands the batch to the queue, or, where there is none, sends it at once.
func (h *handle) store(ctx context.Context, b delivery.Batch, size queue.Size) (err error) {
	if h.onDisk() && b.Damage == nil {
		// Here, because many can do it at once: the queue encodes under its lock.
		if b.Payload, err = h.encoding.Pressed(b.Payload); err != nil {
			return fmt.Errorf("cannot encode batch %s: %w", b.ID, err)
		}
		h.encoding.Keep(b)
	}
	if h.inMemory() {
		h.core.depth.Add(size)
	}
	err = h.offer(element.WithBatch(ctx, b))
	if err != nil {
		h.encoding.Forget(b.ID)
	}
	if err != nil && h.inMemory() {
		h.core.depth.Remove(size)
	}
	return err
}

// onDisk: there is a queue, and it is in a storage.
func (h *handle) onDisk() bool {
	q := h.core.cfg.Queue
	return q.HasValue() && q.Get().StorageID != nil
}

// inMemory: a queue without storage, which nobody else counts.
func (h *handle) inMemory() bool { return h.core.cfg.Queue.HasValue() && !h.onDisk() }

func sizeOf(el *element.Element) queue.Size {
	return queue.Size{Batches: 1, Records: int64(el.ItemsCount()), Bytes: int64(el.BytesSize())}
}

var errNoQueue = errors.New("there is no queue to go to the back of")

// requeue goes past the door's limit: the batch leaves the front as soon as it stands at the back.
func (h *handle) requeue(ctx context.Context, b delivery.Batch) error {
	if !h.core.cfg.Queue.HasValue() {
		return errNoQueue
	}
	size := sizeOf(&element.Element{Batch: b})
	release, err := h.core.reserve(size.Bytes)
	if err != nil {
		return err
	}
	defer release()
	riders, ended := h.lane.moved(b)
	err = h.store(queue.WithRiders(ctx, riders), b, size)
	ended(err)
	if err != nil {
		return err
	}
	h.core.countRequeued(ctx)
	return nil
}

// push is called by the queue's consumers, and again with the same request after every failure.
func (h *handle) push(ctx context.Context, req xexporterhelper.Request) error {
	el, ok := req.(*element.Element)
	if !ok {
		return errors.New("the queue holds a request that is not ours")
	}
	if _, err := h.lane.sender.Send(ctx, el.Batch); err != nil {
		return err
	}
	if h.inMemory() {
		h.core.depth.Remove(sizeOf(el))
	}
	return nil
}

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
