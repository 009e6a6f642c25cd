package deliverytest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Script answers the call-th send (1 is the first); nil delivers. It is called with no lock held.
type Script func(ctx context.Context, call int, b delivery.Batch) error

// Sender follows a script and records what it was sent.
type Sender struct {
	script Script

	mu             sync.Mutex
	sent           [][]int
	inFlight, most int
}

// NewSender makes a sender.
func NewSender(s Script) *Sender { return &Sender{script: s} }

// Sequence answers call by call; what comes after the last delivers.
func Sequence(errs ...error) Script {
	return func(_ context.Context, call int, _ delivery.Batch) error {
		if call > len(errs) {
			return nil
		}
		return fresh(errs[call-1])
	}
}

// Always answers the same.
func Always(err error) Script {
	return func(context.Context, int, delivery.Batch) error { return fresh(err) }
}

// fresh copies a failure: layers write into those that they get.
func fresh(err error) error {
	if f, ok := errors.AsType[*delivery.Failure](err); ok {
		c := *f
		return &c
	}
	return err
}

// Send implements delivery.Sender.
func (s *Sender) Send(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
	call := s.enter(b)
	defer s.leave()
	if err := s.script(ctx, call, b); err != nil {
		return 0, err
	}
	return delivery.Delivered, nil
}

func (s *Sender) enter(b delivery.Batch) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int
	if b.Payload != nil {
		numbers = Numbers(b)
	}
	s.sent = append(s.sent, numbers)
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	return len(s.sent)
}

func (s *Sender) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

// Sent are the record numbers of every send, in order.
func (s *Sender) Sent() [][]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Calls is how many sends there were.
func (s *Sender) Calls() int { return len(s.Sent()) }

// InFlight is how many sends are under way.
func (s *Sender) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

// MostInFlight is how many sends were under way at once since the last call of it.
func (s *Sender) MostInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	s.most = s.inFlight
	return most
}

// Refusal is a far end's answer with this status to what the batch holds.
func Refusal(status int) *delivery.Failure {
	return &delivery.Failure{Fault: delivery.ThisBatch, Status: status, Message: "refused", Sent: true}
}

// Answered is a far end's answer with this status that says nothing about the batch.
func Answered(status int) *delivery.Failure {
	return &delivery.Failure{Fault: delivery.Path, Status: status, Message: "not now", Sent: true}
}

// Broken is a path over which no answer came.
func Broken() *delivery.Failure {
	return &delivery.Failure{Fault: delivery.Path, Message: "connection refused", Sent: true}
}

// OurDoing is what a shutdown makes of an attempt.
func OurDoing() *delivery.Failure {
	return &delivery.Failure{Fault: delivery.Us, Message: "shutting down"}
}
