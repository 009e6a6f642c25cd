package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/time/rate"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

const (
	firstWait = 50 * time.Millisecond // backoff where the far end names no delay
	lastWait  = time.Second           // and its limit
)

// Plan says what to send. The zero value of a field takes its default.
type Plan struct {
	Records  int             // how many records in total; 0 is no limit
	Duration time.Duration   // how long to produce new records; 0 is no limit
	Until    <-chan struct{} // produces no new records once it is closed; nil is no limit
	Rate     float64         // records per second; 0 is as fast as they are acknowledged
	Batch    int             // records per request, 100
	First    int64           // number of the first record
	Mix      []record.Signal // signals of the batches in turn, all three
	Workers  int             // requests at a time, 8
	Coarse   bool            // the clock of the records knows whole seconds only
	Noise    int             // see Batch
	MaxWait  time.Duration   // cap on the delay a far end asks for, 5 s
	// Logs: see Batch.
	Logs func(from int64, n int, at time.Time) plog.Logs
}

func (p Plan) withDefaults() Plan {
	if p.Batch <= 0 {
		p.Batch = 100
	}
	if p.Workers <= 0 {
		p.Workers = 8
	}
	if p.MaxWait <= 0 {
		p.MaxWait = 5 * time.Second
	}
	if len(p.Mix) == 0 {
		p.Mix = record.Signals()
	}
	return p
}

// Run sends what the plan says and writes what happens into the ledger. It
// returns when all of it is acknowledged or dropped, or ctx ends; what is not
// acknowledged by then stays so. New records wait while all workers resend.
func Run(ctx context.Context, s Sender, plan Plan, l *Ledger) {
	plan = plan.withDefaults()
	batches := make(chan Batch)
	var workers sync.WaitGroup
	for range plan.Workers {
		workers.Go(func() {
			for b := range batches {
				_ = Deliver(ctx, s, b, plan.MaxWait, l) // the ledger has it
			}
		})
	}
	plan.produce(ctx, batches)
	close(batches)
	workers.Wait()
}

// produce hands out batches at the plan's rate until the plan or ctx ends.
func (p Plan) produce(ctx context.Context, batches chan<- Batch) {
	if p.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Duration)
		defer cancel()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		select {
		case <-p.Until:
		case <-ctx.Done():
		}
	}()
	limiter := rate.NewLimiter(rate.Inf, p.Batch)
	if p.Rate > 0 {
		limiter.SetLimit(rate.Limit(p.Rate))
	}
	for sent, turn := 0, 0; p.Records == 0 || sent < p.Records; turn++ {
		b := Batch{Signal: p.Mix[turn%len(p.Mix)], From: p.First + int64(sent), N: p.Batch, Noise: p.Noise, Logs: p.Logs}
		if p.Coarse {
			b.At = time.Now().Truncate(time.Second)
		}
		if p.Records > 0 {
			b.N = min(b.N, p.Records-sent)
		}
		if limiter.WaitN(ctx, b.N) != nil {
			return // ctx ends before the next batch is due
		}
		select {
		case batches <- b:
			sent += b.N
		case <-ctx.Done():
			return
		}
	}
}

// Deliver sends one batch as a correct client does: it resends after the delay
// that a retryable refusal asks for, at most maxWait, until it is acknowledged,
// refused for good or ctx ends. It returns nil only if it was acknowledged.
func Deliver(ctx context.Context, s Sender, b Batch, maxWait time.Duration, l *Ledger) error {
	l.begin(b)
	b.At = b.at()
	backoff := firstWait
	for {
		err := s.Send(ctx, b)
		if err == nil {
			l.acknowledge(b)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err() // we gave up; the far end did not refuse
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			l.drop(b)
			return fmt.Errorf("%s cannot be sent: %w", b, err)
		}
		l.refuse(*refusal)
		if !refusal.Retryable {
			l.drop(b)
			return refusal
		}
		wait := backoff
		backoff = min(2*backoff, lastWait)
		if refusal.HasDelay {
			wait = min(refusal.Delay, maxWait)
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
