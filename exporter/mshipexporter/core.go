package mshipexporter

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/closing"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/drain"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/pause"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/probe"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sink"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/toll"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/waker"
)

// grace is how long what is on the wire at shutdown may take to finish: cut
// earlier, it would be sent again after the restart.
const grace = 2 * time.Second

// core is what the signals of one exporter share: one breaker, one identity,
// one budget. The first handle that starts opens it, the last one that stops
// closes it.
type core struct {
	cfg    *Config
	set    exporter.Settings
	label  string
	labels *labels
	logger *zap.Logger

	mu      sync.Mutex
	handles map[*handle]component.Host

	// lanesMu is apart from mu: metrics are read under a lock of the SDK's, which stop waits for.
	lanesMu sync.Mutex
	lanes   map[delivery.Signal]*lane

	depth     *queue.Depth
	journaled journaled
	drain     drain.Trend
	// reserver is nil where the storage promises nothing.
	reserver atomic.Pointer[reserver]
	meter    atomic.Pointer[meter]
	pause    pause.Gate
	closing  *closing.Gate
	breaker  *breaker.Breaker
	// waker is nil where the breaker is to rest for the whole of its time.
	waker *waker.Waker
	// woken: a rest of this outage ended early.
	woken   atomic.Bool
	letters *deadletter.Store
	// parkless: the last batch that was to be parked could not be.
	parkless atomic.Bool
	door     *door.Door
	refused  refusals
	tel      *telemetry
	tally    tally
	builder  sink.Builder
	probe    *probe.Probe
	// leave ends the membership of the link. toll is nil where there is none.
	leave   func()
	toll    *toll.Booth
	advised sync.Once
	// unmount takes the exporter off the console; tending looks after the dead letters.
	unmount func()
	tending sync.WaitGroup
	untend  context.CancelFunc
}

// newCore only assembles: Create must have no effect that a Shutdown would have to undo.
func newCore(cfg *Config, set exporter.Settings, labels *labels) (*core, error) {
	id, _, err := cfg.Sink.Entry()
	if err != nil {
		return nil, err
	}
	c := &core{
		cfg: cfg, set: set, label: set.ID.Name(), labels: labels, logger: quiet(set.Logger),
		handles: map[*handle]component.Host{}, lanes: map[delivery.Signal]*lane{},
		depth: queue.NewDepth(), closing: closing.New(),
	}
	if c.label == "" {
		c.label = id.Type().String()
	}
	c.set.Logger = c.logger
	c.refused.core = c
	c.unmount, c.untend, c.leave = func() {}, func() {}, func() {}
	c.tally.breaker(breaker.Closed)
	c.letters = deadletter.New(deadletter.Settings{
		Directory: cfg.DeadLetter.Directory, Sink: folder(c.label), MaxPerHour: cfg.DeadLetter.MaxPerHour,
		MaxBytes: cfg.DeadLetter.MaxBytes, DropOldest: cfg.DeadLetter.OnFull == onFullDrop, MaxAge: cfg.DeadLetter.MaxAge,
		OnParked: c.parked, OnFailed: c.unparked, OnDropped: c.dropped,
	})
	c.door = door.New(c.doorway())
	c.probe = c.probing(id.Type())
	c.breaker, c.waker = c.newBreaker()
	c.builder = sink.Builder{
		Settings: cfg.Sink, Set: c.set, Probe: c.probe,
		Retryable: cfg.Retry.RetryableStatusCodes, Permanent: cfg.Retry.PermanentStatusCodes, OnPartial: c.partial,
	}
	return c, nil
}

func (c *core) held() map[delivery.Signal]int64 {
	c.lanesMu.Lock()
	defer c.lanesMu.Unlock()
	held := map[delivery.Signal]int64{}
	for signal, l := range c.lanes {
		held[signal] = 0
		if l.hold.Held() {
			held[signal] = 1
		}
	}
	return held
}

func (c *core) park(b delivery.Batch, reason string, f *delivery.Failure) error {
	if !c.cfg.DeadLetter.Enabled {
		return &delivery.Failure{Fault: delivery.ThisBatch, Status: f.Status, Message: "the far end refuses the batch and dead_letter is off, so it stays in the queue", Err: f}
	}
	return c.letters.Park(b, reason, f)
}

// start joins a handle; the first one opens what all share.
func (c *core) start(h *handle, host component.Host) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.handles) == 0 {
		if err := c.join(host); err != nil {
			return err
		}
		if err := c.open(); err != nil {
			c.leave()
			return err
		}
		c.unmount = c.mount(host)
	}
	c.handles[h] = host
	return nil
}

func (c *core) open() error {
	if err := c.labels.take(c.label, c.set.ID); err != nil {
		return err
	}
	tel, err := newTelemetry(c.set.TelemetrySettings, c.label)
	if err != nil {
		c.labels.free(c.label)
		return fmt.Errorf("cannot make the metrics: %w", err)
	}
	c.tel = tel
	c.advise()
	c.tend()
	return tel.watch(c)
}

// tend finds the dead letters of earlier runs and looks after them, and follows the queue.
func (c *core) tend() {
	ctx, cancel := context.WithCancel(context.Background())
	c.untend = cancel
	c.watch(ctx)
	c.tending.Go(func() { c.followDrain(ctx) })
	if !c.cfg.DeadLetter.Enabled {
		return
	}
	if err := c.letters.Open(); err != nil {
		c.logger.Warn("what was parked before is not counted and not shown; parking is tried all the same", zap.Error(err))
	}
	c.tending.Go(func() { c.letters.Tend(ctx) })
}

// advise says once, at start, what is legal but not safe at sea.
func (c *core) advise() {
	if q := c.cfg.Queue; q.HasValue() && q.Get().StorageID == nil {
		c.logger.Warn("the sending queue is in memory: a power cut or a restart loses what it holds; set sending_queue::storage")
	}
	if !c.cfg.DeadLetter.Enabled {
		c.logger.Warn("dead_letter is off: a batch that the far end refuses for good stays in the queue for ever")
	}
	if id, _, err := c.cfg.Sink.Entry(); err == nil && id.Type().String() == "file" {
		c.logger.Warn("the file sink says that it took a batch up to a second before it is written: a power cut can lose it")
	}
}

// stop lets a handle go; the last one closes what all share.
func (c *core) stop(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.handles[h]; !ok {
		return
	}
	delete(c.handles, h)
	if len(c.handles) > 0 {
		return
	}
	c.closing.Cut()
	c.unmount()
	c.untend()
	c.leave()
	c.tending.Wait()
	c.tel.Shutdown()
	c.labels.free(c.label)
}

// shut begins the shutdown for all signals at once: the collector stops them
// one after the other, and each would wait its own grace.
func (c *core) shut() {
	c.closing.Close(grace)
	if c.toll != nil {
		c.toll.Close() // what waits is not on the wire
	}
}

func (c *core) addLane(l *lane) {
	c.lanesMu.Lock()
	defer c.lanesMu.Unlock()
	c.lanes[l.signal] = l
}

func (c *core) hosts() []component.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	hosts := make([]component.Host, 0, len(c.handles))
	for _, host := range c.handles {
		hosts = append(hosts, host)
	}
	return hosts
}

func (c *core) countDuplicate(ctx context.Context) { c.tel.SinkDuplicateTotal.Add(ctx, 1, c.tel.only) }

func (c *core) countEarly() { c.tel.QueueEarlyTotal.Add(context.Background(), 1, c.tel.only) }

func (c *core) countRequeued(ctx context.Context) { c.tel.QueueRequeuedTotal.Add(ctx, 1, c.tel.only) }
