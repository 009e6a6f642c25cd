// Package hold lets one signal wait on its own while the far end refuses all
// of it. Such a refusal never opens the breaker that the other signals share.
package hold

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// poll is how soon a batch asks again while the held signal's probe is under way. It costs no wire.
const poll = 100 * time.Millisecond

// Settings of a hold.
type Settings struct {
	// Interval is how long the signal waits after so many refused probes in a row (1 is the first).
	Interval func(refusals int) time.Duration
	// OnChange, if set, hears when the signal is held, with the refusal, and when it flows again (nil).
	OnChange func(refusal error)
}

// Hold gates one signal of one sink. It is safe for concurrent use.
type Hold struct {
	settings Settings

	mu       sync.Mutex
	refusals int
	until    time.Time
	refusal  error
	probing  bool
}

// New makes a hold that lets everything pass.
func New(s Settings) *Hold { return &Hold{settings: s} }

// Held tells whether the signal waits.
func (h *Hold) Held() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refusals > 0
}

// Layer puts the gate before next. A failure of next whose fault is ThisBatch
// means that nobody could tell whether the batch or the far end is at fault:
// that is what a signal is held for. While it is held one batch at a time
// probes, after the interval.
func (h *Hold) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		probe, err := h.admit(b.Payload.Signal())
		if err != nil {
			return 0, err
		}
		outcome, err := next.Send(ctx, b)
		return outcome, h.settle(probe, outcome, err)
	})
}

func (h *Hold) admit(signal delivery.Signal) (probe bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusals == 0 {
		return false, nil
	}
	wait := max(time.Until(h.until), 0)
	if h.probing {
		wait = max(wait, poll)
	}
	if wait == 0 {
		h.probing = true
		return true, nil
	}
	return false, &delivery.Failure{Message: fmt.Sprintf("%s are held", signal), Wait: wait, Err: h.refusal}
}

func (h *Hold) settle(probe bool, outcome delivery.Outcome, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if probe {
		h.probing = false
	}
	if err == nil {
		// A probe that was parked shows nothing: the next one may probe at once.
		if h.refusals > 0 && outcome != delivery.DeadLettered {
			h.refusals, h.refusal = 0, nil
			h.announce(nil)
		}
		return nil
	}
	f := delivery.AsFailure(err)
	if f.Fault != delivery.ThisBatch {
		return err
	}
	if probe || h.refusals == 0 {
		h.refusals++
		h.until = time.Now().Add(h.settings.Interval(h.refusals))
		h.refusal = f
		if h.refusals == 1 {
			h.announce(f)
		}
	}
	f.Wait = max(f.Wait, time.Until(h.until))
	return f
}

func (h *Hold) announce(refusal error) {
	if h.settings.OnChange != nil {
		h.settings.OnChange(refusal)
	}
}
