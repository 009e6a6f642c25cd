// Package yield lets a batch that stands in everybody's way give up its turn.
package yield

import (
	"context"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// rounds is how often a batch may use up its refusals, each with others taken
// in between, before it is poison.
const rounds = 3

// Settings of the layer.
type Settings struct {
	// MaxRetries is how many refused retries, each with others taken since the
	// refusal before, cost a batch its turn; 0 for no limit.
	MaxRetries int
	// MaxAge parks what the door took longer ago; 0 for no limit.
	MaxAge time.Duration
	// Requeue stores the batch at the back of the queue before it returns nil.
	Requeue func(ctx context.Context, b delivery.Batch) error
	// Park stores the batch among the dead letters before it returns nil.
	Park func(b delivery.Batch, reason string, f *delivery.Failure) error
	// MayMove tells whether batches may be moved: not while the breaker is not
	// closed, or a day of 503 would shuffle the backlog.
	MayMove func() bool
}

// New makes the layer. Where a move or the parking fails, the batch stays in front.
func New(s Settings) delivery.Layer {
	return func(next delivery.Sender) delivery.Sender {
		return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
			outcome, err := next.Send(ctx, b)
			if err == nil {
				return outcome, nil
			}
			return s.decide(ctx, b, delivery.AsFailure(err))
		})
	}
}

func (s Settings) decide(ctx context.Context, b delivery.Batch, f *delivery.Failure) (delivery.Outcome, error) {
	h := b.History
	switch {
	case f.Fault == delivery.Us && h.Taken:
		// Stored whole, the batch would bring its accepted parts again after the restart.
		return s.requeue(ctx, b, f)
	case f.Fault == delivery.Us:
		return 0, f
	case s.MaxAge > 0 && time.Since(h.FirstSeen) > s.MaxAge:
		return s.park(b, "expired", f)
	case !s.MayMove():
		return 0, f
	case f.Fault == delivery.ThisBatch:
		return s.requeue(ctx, b, f)
	case s.MaxRetries > 0 && h.Refusals >= s.MaxRetries:
		return s.giveUpTurn(ctx, b, f)
	default:
		return 0, f
	}
}

func (s Settings) giveUpTurn(ctx context.Context, b delivery.Batch, f *delivery.Failure) (delivery.Outcome, error) {
	h := b.History
	h.Rounds++
	for _, part := range append([]delivery.Batch{b}, h.Parts...) {
		part.History.Refusals, part.History.LastCounted = 0, 0
	}
	if h.Rounds >= rounds {
		return s.park(b, "poison", f)
	}
	return s.requeue(ctx, b, f)
}

func (s Settings) park(b delivery.Batch, reason string, f *delivery.Failure) (delivery.Outcome, error) {
	if err := s.Park(b, reason, f); err != nil {
		return 0, &delivery.Failure{Message: "cannot park batch " + b.ID.String(), Err: err}
	}
	return delivery.DeadLettered, nil
}

func (s Settings) requeue(ctx context.Context, b delivery.Batch, f *delivery.Failure) (delivery.Outcome, error) {
	if len(b.History.Parts) == 0 {
		// From then on the batch, and its History, may be in other hands.
		if err := s.Requeue(ctx, b); err != nil {
			return 0, f
		}
		return delivery.Requeued, nil
	}
	for len(b.History.Parts) > 0 {
		part := b.History.Parts[0]
		part.History.Rounds = b.History.Rounds
		if err := s.Requeue(ctx, part); err != nil {
			return 0, f
		}
		b.History.Parts = b.History.Parts[1:]
	}
	return delivery.Requeued, nil
}
