// Package sinktest is a far end in memory and the exporters that reach it. It
// needs no network, so it works on the fake clock of testing/synctest.
package sinktest

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pipeline"
)

// Attempt is one call of a sink.
type Attempt struct {
	Signal pipeline.Signal
	// At is when the attempt began, Done when it ended.
	At, Done time.Time
	// Records are the names of what was sent: bodies of logs, names of metrics and spans.
	Records []string
	// Data is the plog.Logs, pmetric.Metrics or ptrace.Traces itself.
	Data any
	// Err is what the sink was told; nil if the far end took it.
	Err error
}

// Script answers an attempt: nil takes it. It may sleep, and must end with ctx.
type Script func(ctx context.Context, a Attempt) error

// Shore is a far end. It is safe for concurrent use.
type Shore struct {
	mu       sync.Mutex
	script   Script
	attempts []Attempt
	inFlight int
	most     int
	running  int
	starts   int
}

// New makes a far end that answers by script.
func New(script Script) *Shore { return &Shore{script: script} }

// Answer changes the script for the attempts that begin from now on.
func (s *Shore) Answer(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Attempts are those that ended, in the order in which they did.
func (s *Shore) Attempts() []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts)
}

// Taken are the records that the far end took, in order, with repetitions.
func (s *Shore) Taken(signal pipeline.Signal) []string {
	var taken []string
	for _, a := range s.Attempts() {
		if a.Err == nil && a.Signal == signal {
			taken = append(taken, a.Records...)
		}
	}
	return taken
}

// MostInFlight is how many attempts were under way at once since the last call, at most.
func (s *Shore) MostInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	s.most = s.inFlight
	return most
}

// Running is how many sinks are started and not shut down.
func (s *Shore) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// Starts is how many sinks were ever started.
func (s *Shore) Starts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

func (s *Shore) attempt(ctx context.Context, a Attempt) error {
	s.mu.Lock()
	script := s.script
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.mu.Unlock()
	a.At = time.Now()
	a.Err = script(ctx, a)
	a.Done = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.attempts = append(s.attempts, a)
	return a.Err
}

func (s *Shore) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running++
	s.starts++
}

func (s *Shore) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// Take is a script: it takes everything after the delay.
func Take(delay time.Duration) Script {
	return func(ctx context.Context, _ Attempt) error { return sleep(ctx, delay) }
}

// Refuse is a script: it fails with err after the delay.
func Refuse(delay time.Duration, err error) Script {
	return func(ctx context.Context, _ Attempt) error {
		if e := sleep(ctx, delay); e != nil {
			return e
		}
		return err
	}
}

// Hang is a script: it never answers.
func Hang(ctx context.Context, _ Attempt) error {
	<-ctx.Done()
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
