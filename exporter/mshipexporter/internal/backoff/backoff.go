// Package backoff is the only place that computes a delay. exporterhelper's
// retry sender, and nothing else, sleeps it.
package backoff

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// closing is the delay while we shut down: the retry sender is about to be stopped.
const closing = 50 * time.Millisecond

// Settings of the exponential backoff.
type Settings struct {
	// Initial is the delay after the first failure, Max the longest; before jitter.
	Initial, Max time.Duration
	// Multiplier grows the delay from one failure to the next; 1 or more.
	Multiplier float64
	// Jitter spreads a delay d evenly over d·(1±Jitter); 0 to 1.
	Jitter float64
}

// New makes the layer. Every error that leaves it carries its delay
// (exporterhelper.NewThrottleRetry).
//
// Only a batch's own failures make its delay grow. Where the failure says how
// long it is no use to try (an open breaker, a held signal, Retry-After), that
// is the delay, and the growth starts anew: when the breaker closes, no batch
// is still asleep for what happened in the outage.
func New(s Settings) delivery.Layer {
	return func(next delivery.Sender) delivery.Sender {
		return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
			outcome, err := next.Send(ctx, b)
			if err == nil {
				return outcome, nil
			}
			f := retryable(delivery.AsFailure(err))
			return 0, exporterhelper.NewThrottleRetry(f, s.delay(b.History, f))
		})
	}
}

// retryable keeps the text of the cause, not the cause, where a sink has marked
// it as permanent: exporterhelper drops the batch if it finds that mark anywhere
// in the chain of what we return, be it only the reason why a signal is held.
func retryable(f *delivery.Failure) *delivery.Failure {
	if !consumererror.IsPermanent(f) {
		return f
	}
	kept := *f
	kept.Err = errors.New(f.Err.Error())
	return &kept
}

func (s Settings) delay(h *delivery.History, f *delivery.Failure) time.Duration {
	switch {
	case f.Fault == delivery.Us:
		return closing
	case f.Wait > 0:
		h.Failures = 0
		return f.Wait
	default:
		h.Failures++
		return s.jittered(s.Interval(h.Failures))
	}
}

// Interval is the delay after so many failures in a row (1 is the first), before jitter.
func (s Settings) Interval(failures int) time.Duration {
	d := float64(s.Initial) * math.Pow(s.Multiplier, float64(failures-1))
	return time.Duration(min(d, float64(s.Max)))
}

func (s Settings) jittered(d time.Duration) time.Duration {
	spread := s.Jitter * (2*rand.Float64() - 1) //nolint:gosec // spreads load, guards nothing
	return time.Duration(float64(d) * (1 + spread))
}
