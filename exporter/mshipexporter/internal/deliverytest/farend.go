package deliverytest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Rule objects to a request (1 is the first) or has nothing against it (nil).
type Rule func(request int, b delivery.Batch) *delivery.Failure

// RefuseRecords answers status to every request that holds a bad record.
func RefuseRecords(status int, bad func(number int) bool) Rule {
	return func(_ int, b delivery.Batch) *delivery.Failure {
		if slices.ContainsFunc(Numbers(b), bad) {
			return Refusal(status)
		}
		return nil
	}
}

// RefuseAll answers status to everything and blames the batch.
func RefuseAll(status int) Rule {
	return func(int, delivery.Batch) *delivery.Failure { return Refusal(status) }
}

// AnswerAll answers status to everything and blames nobody.
func AnswerAll(status int) Rule {
	return func(int, delivery.Batch) *delivery.Failure { return Answered(status) }
}

// TooLarge answers 413 to what is larger than limit, in bytes.
func TooLarge(limit int) Rule {
	return func(_ int, b delivery.Batch) *delivery.Failure {
		if b.Payload.Bytes() > limit {
			return Refusal(413)
		}
		return nil
	}
}

// BreakAt breaks the path at these requests.
func BreakAt(requests ...int) Rule {
	return func(request int, _ delivery.Batch) *delivery.Failure {
		if slices.Contains(requests, request) {
			return Broken()
		}
		return nil
	}
}

// BreakWhere breaks the path wherever broken says so.
func BreakWhere(broken func(request int) bool) Rule {
	return func(request int, _ delivery.Batch) *delivery.Failure {
		if broken(request) {
			return Broken()
		}
		return nil
	}
}

// BreakAll breaks the path.
func BreakAll() Rule { return BreakWhere(func(int) bool { return true }) }

// FarEnd takes what no rule objects to; the first objection is its answer.
type FarEnd struct {
	// Latency of every answer.
	Latency time.Duration

	mu        sync.Mutex
	rules     []Rule
	requests  [][]int
	delivered map[int]int
}

// NewFarEnd makes a far end.
func NewFarEnd(rules ...Rule) *FarEnd { return &FarEnd{rules: rules, delivered: map[int]int{}} }

// Follow replaces the rules.
func (e *FarEnd) Follow(rules ...Rule) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = rules
}

// Send implements delivery.Sender. It gives up its latency when ctx ends.
func (e *FarEnd) Send(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
	select {
	case <-ctx.Done():
		return 0, &delivery.Failure{Sent: true, Err: context.Cause(ctx)}
	case <-time.After(e.Latency):
	}
	if f := e.answer(b); f != nil {
		return 0, f
	}
	return delivery.Delivered, nil
}

func (e *FarEnd) answer(b delivery.Batch) *delivery.Failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, Numbers(b))
	for _, rule := range e.rules {
		if f := rule(len(e.requests), b); f != nil {
			return f
		}
	}
	for _, number := range Numbers(b) {
		e.delivered[number]++
	}
	return nil
}

// Requests are the record numbers of every request, in order.
func (e *FarEnd) Requests() [][]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// Delivered counts how often each record was taken.
func (e *FarEnd) Delivered() map[int]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.delivered)
}
