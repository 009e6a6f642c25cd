package mshipexporter

import (
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter/api"
	"github.com/otelcol-mship/otelcol-mship/internal/consoles"
)

// console is an extension that shows what an exporter serves under its name.
type console interface {
	// Mount serves h below the name until unmount is called; the handler's paths
	// begin there.
	Mount(name string, h http.Handler) (unmount func(), err error)
}

// mount shows the exporter on every console that there is; without one all works the same.
func (c *core) mount(host component.Host) (unmount func()) {
	handler := api.Handler(api.Settings{Status: c.status, Letters: c.letters, Replay: c.replay})
	return consoles.Mount(host, c.logger, "exporter", func(shows console) (func(), error) { return shows.Mount(c.label, handler) })
}

func (c *core) status() api.Status {
	sink, _, _ := c.cfg.Sink.Entry()
	return api.Status{
		Sink: c.label, Exporter: c.set.ID.String(), Type: sink.Type().String(),
		Breaker: c.breakerStatus(), LastAnswer: c.tally.last.Load(), Counters: c.tally.counters(),
		Queue: c.queueStatus(), Storage: c.storageStatus(), Held: c.heldSignals(), DeadLetters: c.lettersStatus(),
	}
}

func (c *core) breakerStatus() api.Breaker {
	b := api.Breaker{Enabled: c.breaker != nil, State: breaker.Closed.String(), Changes: c.tally.history()}
	b.Since = b.Changes[len(b.Changes)-1].At
	if b.Enabled {
		b.State, b.OpenSecondsLeft = c.state().String(), c.rest().Seconds()
	}
	return b
}

// oldestAge is how long the oldest batch that is queued has waited. A clock that was set back makes it 0.
func (c *core) oldestAge() time.Duration {
	at, ok := c.depth.Oldest()
	if !ok {
		return 0
	}
	return max(time.Since(at), 0)
}

func (c *core) queueStatus() api.Queue {
	size := c.queued()
	q := api.Queue{Batches: size.Batches, Records: size.Records, Bytes: size.Bytes}
	if at, ok := c.depth.Oldest(); ok {
		q.Oldest = &at
	}
	if queue := c.cfg.Queue; queue.HasValue() {
		q.Load, q.Limit, q.LimitUnit = c.measure(size), queue.Get().QueueSize, queue.Get().Sizer.String()
	}
	return q
}

// meter is a storage extension that knows how full it is.
type meter interface {
	// Usage is what all that use it take on disk, and may take, in bytes.
	Usage() (used, most int64)
}

func (c *core) storageStatus() *api.Storage {
	m := c.meter.Load()
	if m == nil {
		return nil
	}
	used, most := (*m).Usage()
	return &api.Storage{UsedBytes: used, MaxBytes: most}
}

func (c *core) heldSignals() []string {
	names := []string{}
	for signal, held := range c.held() {
		if held > 0 {
			names = append(names, string(signal))
		}
	}
	return names
}

func (c *core) lettersStatus() api.DeadLetters {
	d := api.DeadLetters{MaxBytes: c.cfg.DeadLetter.MaxBytes, OnFull: c.cfg.DeadLetter.OnFull}
	var oldest time.Time
	if d.Entries, d.Bytes, oldest = c.letters.Total(); d.Entries > 0 {
		d.Oldest = &oldest
	}
	return d
}
