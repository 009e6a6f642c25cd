// Package ledger remembers which batches came in and which are done, so that
// none is queued or sent twice. What it writes rides in the queue's own
// Batches: on disk a batch is remembered together with what it is about, or not at all.
package ledger

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

// Ledger remembers the batches of one queue that are delivered or parked.
type Ledger struct {
	set *seen.Set
	// onDuplicate hears of a batch that is not sent again.
	onDuplicate func(ctx context.Context)

	mu sync.Mutex
	// done are batches that are done and stand in the queue yet.
	done map[delivery.ID]bool
	// flying are batches in somebody's hands.
	flying map[delivery.ID]bool
}

// New makes a ledger; Use must be called before anything is sent.
func New(onDuplicate func(context.Context)) *Ledger {
	return &Ledger{onDuplicate: onDuplicate, done: map[delivery.ID]bool{}, flying: map[delivery.ID]bool{}}
}

// Use remembers in the set from now on.
func (l *Ledger) Use(s *seen.Set) { l.set = s }

// Layer wraps next. A batch that is done is not sent again; one that a far end
// took in parts is not sent as a whole.
func (l *Ledger) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		if b.Damage != nil {
			return next.Send(ctx, b)
		}
		if !l.takeOff(b.ID) {
			return 0, &delivery.Failure{Message: "batch " + b.ID.String() + " stands in the queue twice and is on its way already", Wait: patience}
		}
		defer l.land(b.ID)
		if l.set.Has(seen.Key(b.ID)) {
			l.onDuplicate(ctx)
			return delivery.Duplicate, nil
		}
		if l.set.Has(takenInParts(b.ID)) {
			b.History.Taken = true
		}
		outcome, err := next.Send(ctx, b)
		if err == nil && outcome != delivery.Requeued {
			l.mark(b.ID)
		}
		return outcome, err
	})
}

// Parts wraps what sends the parts of a batch. A part that was accepted is
// remembered before anything else is done with the batch, over a restart too.
func (l *Ledger) Parts(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		if b.Whole == nil {
			return next.Send(ctx, b)
		}
		if l.set.Has(seen.Key(b.ID)) {
			return delivery.Duplicate, nil
		}
		outcome, err := next.Send(ctx, b)
		if err == nil {
			_ = l.set.Add(ctx, seen.Key(b.ID), takenInParts(*b.Whole)) // without a store it is remembered until a crash
		}
		return outcome, err
	})
}

// takenInParts is remembered once a part of the batch was accepted.
func takenInParts(whole delivery.ID) seen.Key { return seen.Key(whole.Part('T')) }

// patience is how long the second copy of a batch waits for what becomes of the first.
const patience = time.Second

// takeOff is false while the batch is in other hands: a crash while it was
// moved to the back of the queue leaves it there twice.
func (l *Ledger) takeOff(id delivery.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flying[id] {
		return false
	}
	l.flying[id] = true
	return true
}

func (l *Ledger) land(id delivery.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.flying, id)
}

func (l *Ledger) mark(id delivery.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[id] = true
}

// Completed gives what is written when the batch leaves the queue: nothing,
// unless it is done.
func (l *Ledger) Completed(id delivery.ID) []*storage.Operation {
	l.mu.Lock()
	done := l.done[id]
	delete(l.done, id)
	l.mu.Unlock()
	if !done {
		return nil
	}
	return l.now(seen.Key(id))
}

// now remembers a key at once, and gives what is written of it.
func (l *Ledger) now(k seen.Key) []*storage.Operation {
	staged := l.set.Stage(context.Background(), k)
	staged.Done(nil)
	return staged.Operations
}

// Moved gives what is written when a part goes to the back of the queue on its
// own: should the whole be read again, it must not be sent as such.
func (l *Ledger) Moved(part delivery.Batch) []*storage.Operation {
	if part.Whole == nil {
		return nil
	}
	return l.now(takenInParts(*part.Whole))
}
