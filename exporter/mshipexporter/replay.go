package mshipexporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/element"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
)

var errNotDurable = errors.New("the sending queue is in memory, where a power cut would lose the batch: set sending_queue::storage, or export the entry")

// replay takes an entry of the dead letters back through the front door, each
// line as a batch under its own id, and removes it once the queue has all of
// them durably. Cut off in between, it is an entry still; replayed again, what
// was sent is not sent twice.
func (c *core) replay(ctx context.Context, name string) error {
	e, err := c.letters.Get(name)
	if err != nil {
		return err
	}
	if e.Reason == deadletter.Unreadable {
		return fmt.Errorf("dead letter %s holds bytes that cannot be read: export it", name)
	}
	if e.Replays == math.MaxUint8 {
		return fmt.Errorf("dead letter %s was replayed %d times: export it", name, e.Replays)
	}
	enter, err := c.entrance(e.Signal)
	if err != nil {
		return err
	}
	line := 0
	err = c.letters.Lines(name, func(otlp []byte) error {
		b, err := comingBack(e, line, otlp)
		line++
		if err != nil {
			return err
		}
		return enter(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("cannot replay %s: %w", name, err)
	}
	if err := c.letters.Delete(name); err != nil {
		return err
	}
	c.tel.DeadLetterReplayedTotal.Add(ctx, 1, c.tel.only)
	c.logger.Info("a dead letter goes back into the queue: " + name)
	return nil
}

// entrance is where a batch of the signal comes back in.
func (c *core) entrance(signal delivery.Signal) (func(context.Context, delivery.Batch) error, error) {
	c.lanesMu.Lock()
	defer c.lanesMu.Unlock()
	l, ok := c.lanes[signal]
	if !ok {
		return nil, fmt.Errorf("no pipeline of %s brings %s any more: put the exporter into one, or export the entry", c.set.ID, signal)
	}
	return l.comeBack, nil
}

// comingBack is the batch of an entry's line. What it may wait for begins anew.
func comingBack(e deadletter.Entry, line int, otlp []byte) (delivery.Batch, error) {
	text := e.ID
	if len(e.Parts) > 0 {
		if line >= len(e.Parts) {
			return delivery.Batch{}, fmt.Errorf("line %d has no id among the entry's parts: export it", line+1)
		}
		text = e.Parts[line]
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return delivery.Batch{}, fmt.Errorf("the id %q: %w", text, err)
	}
	p, err := payload.UnmarshalJSON(e.Signal, otlp)
	if err != nil {
		return delivery.Batch{}, err
	}
	return delivery.Batch{ID: delivery.ID(id), Replays: e.Replays + 1, Payload: p, History: &delivery.History{FirstSeen: time.Now()}}, nil
}

// comeBack puts a batch that was parked into the queue. Put there twice, as after
// a crash, it is sent once: the ledger knows it by its id and its replays.
func (h *handle) comeBack(ctx context.Context, b delivery.Batch) error {
	if h.inMemory() {
		return errNotDurable
	}
	return h.admit(ctx, &element.Element{Batch: b}, nil, h.store)
}
