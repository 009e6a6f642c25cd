// Package breaker keeps us off the wire while the path or the far end is down.
package breaker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// State as our metric numbers it; gobreaker numbers otherwise.
type State int64

// The three states of the metric mship_sink_circuit_state.
const (
	Closed   State = 0
	Open     State = 1
	HalfOpen State = 2
)

// String names the state.
func (s State) String() string { return [...]string{"closed", "open", "half-open"}[s] }

var states = map[gobreaker.State]State{
	gobreaker.StateClosed:   Closed,
	gobreaker.StateOpen:     Open,
	gobreaker.StateHalfOpen: HalfOpen,
}

// poll is how soon a batch asks again while half-open probes are under way. It costs no wire.
const poll = 100 * time.Millisecond

// Settings of the breaker.
type Settings struct {
	// Threshold is how many failures in a row open it; 1 or more.
	Threshold uint32
	// OpenFor is how long it rests before it lets a probe pass.
	OpenFor time.Duration
	// HalfOpenMax is how many requests may be on the wire while half-open, and
	// how many must succeed in a row to close it; 1 or more.
	HalfOpenMax uint32
	// OnChange, if set, hears of every change in order, with the failure that
	// caused it where there is one. It is called with no lock held that the
	// breaker's own methods take, and must not block.
	OnChange func(from, to State, cause error)
}

// Breaker is shared by the signals of one sink and safe for concurrent use.
//
// While half-open it first lets one lone probe pass: as long as the link is
// down, one body is all that a rest costs. After the first success up to
// HalfOpenMax are on the wire, and after HalfOpenMax successes everyone is.
type Breaker struct {
	settings Settings
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]

	// admission makes "is a probe under way?" and "then I am it" one step.
	admission sync.Mutex

	mu     sync.Mutex
	onWire uint32
	opened time.Time
	cause  error
	news   []change

	// telling keeps the changes in order on their way to OnChange.
	telling sync.Mutex
}

type change struct {
	from, to State
	cause    error
}

// New makes a closed breaker.
func New(s Settings) *Breaker {
	b := &Breaker{settings: s}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   s.HalfOpenMax,
		Timeout:       s.OpenFor,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= s.Threshold },
		IsSuccessful:  func(err error) bool { return err == nil || delivery.AsFailure(err).Fault == delivery.ThisBatch },
		IsExcluded:    func(err error) bool { return err != nil && delivery.AsFailure(err).Fault == delivery.Us },
		OnStateChange: b.changed,
	})
	return b
}

// State is the breaker's state now.
func (b *Breaker) State() State { return states[b.circuit.State()] }

// Rest is how long the breaker stays open yet; 0 if it is not open.
func (b *Breaker) Rest() time.Duration {
	if b.circuit.State() != gobreaker.StateOpen {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// gobreaker leaves the open state strictly after the timeout.
	return max(time.Until(b.opened.Add(b.settings.OpenFor))+time.Millisecond, time.Millisecond)
}

// Layer puts the breaker before next.
func (b *Breaker) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, batch delivery.Batch) (delivery.Outcome, error) {
		done, err := b.admit()
		b.tell()
		if err != nil {
			return 0, err
		}
		outcome, err := next.Send(ctx, batch)
		b.leave()
		b.remember(err)
		done(err)
		b.tell()
		if err == nil {
			return outcome, nil
		}
		f := delivery.AsFailure(err)
		f.Wait = max(f.Wait, b.Rest())
		return 0, f
	})
}

// admit lets the batch pass, or says how long to rest. Every admission needs its done.
func (b *Breaker) admit() (done func(error), err error) {
	b.admission.Lock()
	defer b.admission.Unlock()
	if b.probing() {
		return nil, &delivery.Failure{Message: "the circuit breaker is half-open and a probe is under way", Wait: poll}
	}
	if b.crowded() {
		return nil, &delivery.Failure{Message: "the circuit breaker is not closed and older requests are still under way", Wait: max(b.Rest(), poll), Err: b.lastCause()}
	}
	done, err = b.circuit.Allow()
	switch {
	case err == nil:
		b.enter()
		return done, nil
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		return nil, &delivery.Failure{Message: "the circuit breaker is half-open and its probes are under way", Wait: poll}
	default:
		return nil, &delivery.Failure{Message: "the circuit breaker is open", Wait: max(b.Rest(), time.Millisecond), Err: b.lastCause()}
	}
}

func (b *Breaker) probing() bool {
	if b.circuit.State() != gobreaker.StateHalfOpen {
		return false
	}
	c := b.circuit.Counts()
	return c.TotalSuccesses == 0 && c.Requests > c.TotalExclusions
}

// crowded: gobreaker forgets the requests that were under way when it opened; the wire does not.
func (b *Breaker) crowded() bool {
	if b.circuit.State() == gobreaker.StateClosed {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.onWire >= b.settings.HalfOpenMax
}

func (b *Breaker) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onWire++
}

func (b *Breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onWire--
}

func (b *Breaker) remember(err error) {
	if err == nil || delivery.AsFailure(err).Fault != delivery.Path {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cause = err
}

func (b *Breaker) lastCause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// changed is called under gobreaker's lock, so it only takes note.
func (b *Breaker) changed(_ string, from, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := change{from: states[from], to: states[to]}
	if to == gobreaker.StateOpen {
		b.opened = time.Now()
		c.cause = b.cause
	}
	b.news = append(b.news, c)
}

func (b *Breaker) tell() {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	news := b.news
	b.news = nil
	b.mu.Unlock()
	if b.settings.OnChange == nil {
		return
	}
	for _, c := range news {
		b.settings.OnChange(c.from, c.to, c.cause)
	}
}
