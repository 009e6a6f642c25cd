package mshipexporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// breakerChanged counts every opening, but logs only the first and the end of
// an outage: in between the breaker opens once more for each failed probe,
// and a week of that would fill the log.
func (c *core) breakerChanged(from, to breaker.State, cause error) {
	c.tally.breaker(to)
	if from == breaker.Closed || to == breaker.Closed {
		c.drain.Restart()
	}
	if to == breaker.Open && c.toll != nil {
		c.toll.Clear()
	}
	if to == breaker.Open {
		if c.waker != nil {
			// What an answer caused a connect does not tell to be over.
			c.waker.Opened(delivery.AsFailure(cause).Status == 0)
		}
		c.tel.SinkCircuitOpenTotal.Add(context.Background(), 1, c.tel.only)
	}
	state := zap.Stringer("from", from)
	switch {
	case from == breaker.Closed:
		c.logger.Warn("the circuit breaker is open: batches stay in the queue until the far end answers again",
			state, zap.Error(cause), zap.Duration("open_duration", c.cfg.CircuitBreaker.OpenDuration), zap.Int64("queued_batches", c.depth.Size().Batches))
		c.report(componentstatus.NewRecoverableErrorEvent(cause))
	case to == breaker.Closed:
		c.woken.Store(false)
		c.logger.Info("the circuit breaker is closed: the far end takes batches again", state, zap.Int64("queued_batches", c.depth.Size().Batches))
		c.report(componentstatus.NewEvent(componentstatus.StatusOK))
	default:
		c.logger.Debug("the circuit breaker is "+to.String(), state, zap.Error(cause))
	}
}

func (c *core) report(e *componentstatus.Event) {
	for _, host := range c.hosts() {
		componentstatus.ReportStatus(host, e)
	}
}

const (
	// steady is how long a signal must have been held, or have flowed, to be told of again after manyChanges.
	steady = time.Minute
	// manyChanges in a row, none of them steady, are told of; those that follow are not.
	manyChanges = 6
)

// holdNews tells of one signal's hold. A far end that refuses some batches and
// takes others, where nothing may be parked, has it change with every batch.
// The hold calls it under its own lock.
type holdNews struct {
	core   *core
	signal delivery.Signal
	last   time.Time
	quick  int // changes in a row that came too soon
}

func (n *holdNews) changed(refusal error) {
	now := time.Now()
	if now.Sub(n.last) < steady {
		n.quick++
	} else {
		n.quick = 0
	}
	n.last = now
	signal := zap.String("signal", string(n.signal))
	switch {
	case n.quick > manyChanges:
	case n.quick == manyChanges:
		n.core.logger.Warn("the signal is held and flows again time after time: the far end refuses some batches that cannot be parked; until this settles only mship_signal_held tells it", signal)
	case refusal == nil:
		n.core.logger.Info("the signal flows again", signal)
	default:
		n.core.logger.Warn("the far end refuses what it gets of this signal and nothing shows that the batches are at fault: the signal is held, the others flow on",
			signal, zap.Error(refusal))
	}
}

func (c *core) parked(e deadletter.Entry, path string) {
	if c.parkless.CompareAndSwap(true, false) {
		c.logger.Info("batches can be parked again")
	}
	c.tel.DeadLetterEntriesTotal.Add(context.Background(), 1,
		c.tel.with(attribute.String("signal", string(e.Signal)), attribute.String("reason", e.Reason)))
	c.logger.Warn("parked among the dead letters", zap.String("file", path), zap.String("reason", e.Reason), zap.Int("status", e.Status),
		zap.String("message", e.Message), zap.Int("records", e.Records), zap.Int("bytes", e.Bytes), zap.Time("first_seen", e.First))
}

// unparked logs the first failure only: the batch is tried again for as long as it takes.
func (c *core) unparked(err error) {
	if c.parkless.CompareAndSwap(false, true) {
		c.logger.Warn("parking fails; the batch stays in the queue and is tried again", zap.Error(err))
	}
}

// dropped tells of what was removed and not replayed: nothing is lost silently.
func (c *core) dropped(d deadletter.Dropped) {
	c.tel.DeadLetterDroppedTotal.Add(context.Background(), int64(d.Entries), c.tel.with(attribute.String("reason", d.Reason)))
	c.logger.Warn("dead letters are removed", zap.String("reason", d.Reason), zap.Int("entries", d.Entries), zap.Int("records", d.Records),
		zap.Int("bytes", d.Bytes), zap.Time("first_seen_from", d.First), zap.Time("first_seen_to", d.Last))
}

// partial tells of records that the far end did not take of a batch that it
// took, and keeps a copy where that is asked for.
func (c *core) partial(b delivery.Batch, rejected int64, why string) {
	c.tel.SinkRejectedRecordsTotal.Add(context.Background(), rejected, c.tel.with(attribute.String("signal", string(b.Payload.Signal()))))
	c.tally.rejected.Add(rejected)
	c.logger.Warn("the far end took a batch but for some records", zap.Stringer("batch", b.ID), zap.Int64("rejected", rejected),
		zap.Int("records", b.Payload.Records()), zap.String("message", why))
	if !c.cfg.DeadLetter.Enabled || !c.cfg.DeadLetter.PartialSuccess {
		return
	}
	b.ID = b.ID.Part('P') // the far end knows the batch's own id: it would not take it again
	err := c.letters.Park(b, deadletter.PartialSuccess, &delivery.Failure{Fault: delivery.ThisBatch, Message: fmt.Sprintf("%d records were not taken: %s", rejected, why)})
	if err != nil {
		c.logger.Warn("no copy is kept of a batch that the far end took but for some records", zap.Stringer("batch", b.ID), zap.Error(err))
	}
}

// calm is how long nothing must be refused before the door's refusals are told
// to be over. A full queue that drains takes one request and refuses the next,
// for hours; a line for each would fill the log.
const calm = 10 * time.Second

// refusals logs when the door begins to refuse and when it takes again, and
// counts in between. The client keeps what is refused.
type refusals struct {
	core *core

	mu          sync.Mutex
	since, last time.Time
	count       int
}

func (r *refusals) add(reason string, err error) {
	r.core.tel.DoorRefusedTotal.Add(context.Background(), 1, r.core.tel.with(attribute.String("reason", reason)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.last = time.Now()
	if r.count == 1 {
		r.since = r.last
		r.core.logger.Warn("requests are refused at the door; clients are asked to come again", zap.String("reason", reason), zap.Error(err))
	}
}

// end hears of everything that was taken.
func (r *refusals) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 || time.Since(r.last) < calm {
		return
	}
	r.core.logger.Info("requests are taken again", zap.Int("refused", r.count), zap.Duration("for", r.last.Sub(r.since)))
	r.count = 0
}
