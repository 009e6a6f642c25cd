// Package witness answers one question before a batch is condemned: does the
// far end take others of its signal?
package witness

import (
	"context"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Witness watches what one signal of one sink sends. Its clock ticks at every
// send and every answer, so "sent after that refusal" is exact under
// concurrency. It is safe for concurrent use.
type Witness struct {
	mu    sync.Mutex
	clock uint64
	// accepted is the tick at which the newest of the accepted sends began.
	accepted uint64
}

// Layer notes sends and answers, and writes what it knows into the History.
//
// An accept testifies only if it was sent after the refusal was answered: one
// that was on its way before proves nothing about the far end since.
func (w *Witness) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		sent, accepted := w.send()
		h := b.History
		h.Witnessed = h.FirstRefused != 0 && accepted > h.FirstRefused
		outcome, err := next.Send(ctx, b)
		if err == nil {
			w.accept(sent)
			return outcome, nil
		}
		if f := delivery.AsFailure(err); f.Refused() {
			w.refuse(h, f, accepted)
		}
		return 0, err
	})
}

func (w *Witness) send() (sent, accepted uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	return w.clock, w.accepted
}

func (w *Witness) accept(sent uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = max(w.accepted, sent)
}

func (w *Witness) refuse(h *delivery.History, f *delivery.Failure, accepted uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	if h.FirstRefused == 0 && f.Fault == delivery.ThisBatch {
		h.FirstRefused = w.clock
	}
	switch {
	case h.LastCounted == 0:
		h.LastCounted = w.clock
	case accepted > h.LastCounted:
		h.Refusals++
		h.LastCounted = w.clock
	}
}
