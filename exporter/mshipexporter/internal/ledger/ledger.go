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

	// completes: Completed is called when a batch leaves the queue.
	completes bool

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

// Use remembers in the set from now on. completes says that [Ledger.Completed]
// is called for what leaves the queue.
func (l *Ledger) Use(s *seen.Set, completes bool) { l.set, l.completes = s, completes }

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
		known := b.ID.Again(b.Replays)
		if l.Done(known) {
			l.onDuplicate(ctx)
			return delivery.Duplicate, nil
		}
		if l.Divided(b.ID) {
			b.History.Taken = true
		}
		outcome, err := next.Send(ctx, b)
		if err == nil && outcome != delivery.Requeued {
			l.mark(ctx, known)
		}
		return outcome, err
	})
}

// Parts wraps what sends the parts of a batch. A part that was accepted is
// remembered before anything else is done with the batch, over a restart too.
func (l *Ledger) Parts(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		if len(b.Wholes) == 0 {
			return next.Send(ctx, b)
		}
		if l.set.Has(seen.Key(b.ID)) {
			return delivery.Duplicate, nil
		}
		outcome, err := next.Send(ctx, b)
		if err == nil {
			l.settled(ctx, b)
		}
		return outcome, err
	})
}

// Parked remembers a part that lies among the dead letters.
func (l *Ledger) Parked(b delivery.Batch) {
	if len(b.Wholes) > 0 {
		l.settled(context.Background(), b)
	}
}

// settled remembers a part that is done, and that all of which it is a part are divided.
func (l *Ledger) settled(ctx context.Context, part delivery.Batch) {
	keys := []seen.Key{seen.Key(part.ID)}
	for _, whole := range part.Wholes {
		if !l.Divided(whole) {
			keys = append(keys, divided(whole))
		}
	}
	_ = l.set.Add(ctx, keys...) // without a store it is remembered until a crash
}

// divided is remembered once a part of the batch is done, or stands in the queue on its own.
func divided(whole delivery.ID) seen.Key { return seen.Key(whole.Part('T')) }

// Divided tells whether the batch, or the part, must not be sent as such:
// something of it was accepted, parked, or stands in the queue on its own.
func (l *Ledger) Divided(id delivery.ID) bool { return l.set.Has(divided(id)) }

// Done tells whether the batch is delivered or parked.
func (l *Ledger) Done(id delivery.ID) bool {
	return l.isMarked(id) || l.set.Has(seen.Key(id)) // in this order: it passes from the one to the other
}

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

// mark says that the batch is done. Where it stands in a queue on disk, that is
// written when the queue forgets it.
func (l *Ledger) mark(ctx context.Context, id delivery.ID) {
	if !l.completes {
		_ = l.set.Add(ctx, seen.Key(id)) // in memory
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[id] = true
}

// Completed gives what is written when the batch of that id, as [delivery.ID.Again] gives it, leaves the queue: nothing,
// unless it is done. ended must be called with what became of that: what could
// not be written then, the set writes by itself.
func (l *Ledger) Completed(id delivery.ID) (riders []*storage.Operation, ended func(error)) {
	if !l.isMarked(id) {
		return nil, func(error) {}
	}
	staged := l.set.Stage(context.Background(), seen.Key(id))
	return staged.Operations, func(err error) {
		staged.Done(err)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.done, id)
	}
}

func (l *Ledger) isMarked(id delivery.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done[id]
}

// Moved gives what is written when a part goes to the back of the queue on its
// own: should a whole be read again, it must not be sent as such. ended must be
// called with what became of that.
func (l *Ledger) Moved(part delivery.Batch) (riders []*storage.Operation, ended func(error)) {
	if len(part.Wholes) == 0 {
		return nil, func(error) {}
	}
	keys := make([]seen.Key, len(part.Wholes))
	for i, whole := range part.Wholes {
		keys[i] = divided(whole)
	}
	staged := l.set.Stage(context.Background(), keys...)
	return staged.Operations, staged.Done
}
