package mshipexporter

// How the settings of the exporter become those of the layers.

import (
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/backoff"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/probe"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/queue"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/yield"
)

func (c *core) backoff() backoff.Settings {
	b := c.cfg.Retry.BackOff
	return backoff.Settings{Initial: b.InitialInterval, Max: b.MaxInterval, Multiplier: b.Multiplier, Jitter: b.RandomizationFactor}
}

func (c *core) yielding(l *lane) yield.Settings {
	return yield.Settings{
		MaxRetries: c.cfg.Retry.MaxRetries,
		MaxAge:     c.cfg.Retry.BackOff.MaxElapsedTime,
		Requeue:    l.requeue,
		Park:       c.park,
		MayMove:    func() bool { return c.state() == breaker.Closed },
	}
}

func (c *core) breaking() delivery.Layer {
	if c.breaker == nil {
		return passed
	}
	return c.breaker.Layer
}

func (c *core) state() breaker.State {
	if c.breaker == nil {
		return breaker.Closed
	}
	return c.breaker.State()
}

func (c *core) rest() time.Duration {
	if c.breaker == nil {
		return 0
	}
	return c.breaker.Rest()
}

// measure is the load of a queue in the unit of sending_queue::sizer.
func (c *core) measure(s queue.Size) int64 {
	switch c.cfg.Queue.Get().Sizer {
	case exporterhelper.RequestSizerTypeBytes:
		return s.Bytes
	case exporterhelper.RequestSizerTypeItems:
		return s.Records
	default:
		return s.Batches
	}
}

func (c *core) doorway() door.Settings {
	s := door.Settings{
		Room:    func(func(int64) bool) (bool, <-chan struct{}) { return true, nil },
		Reserve: c.reserve, Delay: c.rest, Closed: c.closing.Closed(), OnRefused: c.refused.add, OnAccepted: c.refused.end,
	}
	if c.cfg.Queue.HasValue() {
		q := c.cfg.Queue.Get()
		s.Limit, s.Block = q.QueueSize, q.BlockOnOverflow
		s.Room = func(fits func(int64) bool) (bool, <-chan struct{}) {
			return c.depth.Room(func(queued queue.Size) bool { return fits(c.measure(c.journaled.plus(queued))) })
		}
	}
	return s
}

// reserver is a storage extension that promises room for a batch before it is
// taken in. Without a promise the storage refuses it later, when the queue has
// counted it already.
type reserver interface {
	// Reserve bytes until release is called, or say that the storage is full.
	Reserve(bytes int64) (release func(), err error)
}

// findStorage asks the queue's storage extension what it can do.
func (c *core) findStorage(host component.Host) {
	q := c.cfg.Queue
	if !q.HasValue() || q.Get().StorageID == nil {
		return
	}
	extension := host.GetExtensions()[*q.Get().StorageID]
	if r, ok := extension.(reserver); ok {
		c.reserver.Store(&r)
	}
	if m, ok := extension.(meter); ok {
		c.meter.Store(&m)
	}
}

func (c *core) reserve(bytes int64) (release func(), err error) {
	if r := c.reserver.Load(); r != nil {
		return (*r).Reserve(bytes)
	}
	return func() {}, nil
}

func (c *core) probing(sink component.Type) *probe.Probe {
	p := &probe.Probe{Silence: c.cfg.Timeout, Proof: proofFor(sink, c.cfg.DeliveryProof), Header: c.cfg.Idempotency.header()}
	if c.cfg.Queue.HasValue() {
		p.Requests = c.cfg.Queue.Get().NumConsumers
	}
	return p
}

// proofFor: only OTLP/HTTP has an answer to look into. What gRPC calls OK, and
// what other sinks call success, is their own word.
func proofFor(t component.Type, setting string) probe.Proof {
	name := t.String()
	switch {
	case name != "otlp_http" && name != "otlphttp":
		return probe.ProofSink
	case setting == proofStatus:
		return probe.ProofStatus
	default:
		return probe.ProofOTLP
	}
}

// folder makes a file name of a label, which may hold any printable character.
func folder(label string) string {
	name := url.PathEscape(label)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	return name
}
