// Package breaker keeps us off the wire while the path or the far end is down.
package breaker

import (
	"context"
	"errors"
	"math"
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

// How soon a batch asks again; it costs no wire.
const (
	// poll: while half-open probes are under way.
	poll = 100 * time.Millisecond
	// nap: in a rest that may end early.
	nap = 300 * time.Millisecond
)

// Settings of the breaker.
type Settings struct {
	// Threshold is how many failures in a row open it; 1 or more.
	Threshold uint32
	// OpenFor is how long it rests before it lets a probe pass.
	OpenFor time.Duration
	// HalfOpenMax is how many requests may be on the wire while half-open, and
	// how many must succeed in a row to close it; 1 or more.
	HalfOpenMax uint32
	// MayWake, if set, tells whether somebody knocks (Knocked) while it rests:
	// then batches ask again and again instead of sleeping through the rest. It
	// is called with no lock held.
	MayWake func() bool
	// OnChange, if set, hears of every change in order, with the failure that
	// caused it where there is one. It is called with no lock held that the
	// breaker's own methods take, and must not block.
	OnChange func(from, to State, cause error)
}

// Breaker is shared by the signals of one sink and safe for concurrent use.
//
// While half-open it first lets one lone probe pass, the smallest batch that
// waits: as long as the link is down, one small body is all that a rest costs.
// After the first success up to HalfOpenMax are on the wire, and after
// HalfOpenMax successes everyone is.
type Breaker struct {
	settings Settings

	// mu is held whenever the circuit is asked: it leaves its open state by
	// itself, and at once, so nobody may ask it while the rest lasts.
	mu       sync.Mutex
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	rest     rest
	smallest smallest
	breaks   breaks
	changes  uint64 // so far
	onWire   uint32
	cause    error
	news     []change

	// telling keeps the changes in order on their way to OnChange.
	telling sync.Mutex
}

// New makes a closed breaker.
func New(s Settings) *Breaker {
	b := &Breaker{settings: s, rest: rest{whole: s.OpenFor}}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   s.HalfOpenMax,
		Timeout:       1, // the rest is ours
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= s.Threshold },
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNothing) },
		OnStateChange: b.changed,
	})
	return b
}

// State is the breaker's state now.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state()
}

// state needs the lock.
func (b *Breaker) state() State {
	if b.rest.lasts(time.Now()) {
		return Open
	}
	return states[b.circuit.State()]
}

// Rest is how long the breaker stays open yet, if nobody wakes it; 0 if it is not open.
func (b *Breaker) Rest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left()
}

// left needs the lock.
func (b *Breaker) left() time.Duration {
	if b.state() != Open {
		return 0
	}
	return b.rest.left(time.Now())
}

// Knocked tells the breaker how a bare connect to the far end ended. Where one
// succeeds, its rest may be over before its time, and it is half-open; whether it
// ends for this reason is what Knocked gives.
func (b *Breaker) Knocked(answered bool) (woke bool) {
	defer b.tell()
	b.mu.Lock()
	defer b.mu.Unlock()
	woke = b.rest.knocked(time.Now(), answered)
	b.state()
	return woke
}

// Layer puts the breaker before next.
func (b *Breaker) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, batch delivery.Batch) (delivery.Outcome, error) {
		longest := b.longestSleep()
		p, err := b.admit(batch.Payload.Bytes(), longest)
		b.tell()
		if err != nil {
			return 0, err
		}
		outcome, err := next.Send(ctx, batch)
		left := b.settle(p, err)
		b.tell()
		if err == nil {
			return outcome, nil
		}
		f := delivery.AsFailure(err)
		f.Wait = max(f.Wait, min(left, longest))
		return 0, f
	})
}

// longestSleep is how long a batch that rests sleeps at the most.
func (b *Breaker) longestSleep() time.Duration {
	if b.settings.MayWake != nil && b.settings.MayWake() {
		return nap
	}
	return math.MaxInt64
}

// pass is the admission of one batch; each needs its settle.
type pass struct {
	bytes          int
	began, changes uint64
	done           func(error)
}

// admit lets a batch of that size pass, or says how long to rest.
func (b *Breaker) admit(bytes int, longest time.Duration) (*pass, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state, counts := b.state(), b.circuit.Counts()
	untried := state == HalfOpen && counts.TotalSuccesses == 0
	switch {
	case untried && counts.Requests > counts.TotalExclusions:
		return nil, &delivery.Failure{Message: "the circuit breaker is half-open and a probe is under way", Wait: poll}
	case state != Closed && b.onWire >= b.settings.HalfOpenMax:
		// gobreaker forgets the requests that were under way when it opened; the wire does not.
		b.smallest.rests(bytes)
		return nil, &delivery.Failure{Message: "the circuit breaker is not closed and older requests are still under way", Wait: max(min(b.left(), longest), poll), Err: b.cause}
	case state == Open:
		b.smallest.rests(bytes)
		return nil, &delivery.Failure{Message: "the circuit breaker is open", Wait: min(b.left(), longest), Err: b.cause}
	case untried && !b.smallest.may(bytes, time.Now()):
		return nil, &delivery.Failure{Message: "the circuit breaker is half-open and a smaller batch is to probe", Wait: poll}
	}
	done, err := b.circuit.Allow()
	if err != nil {
		return nil, &delivery.Failure{Message: "the circuit breaker is half-open and its probes are under way", Wait: poll}
	}
	b.onWire++
	return &pass{bytes: bytes, began: b.breaks.begin(), changes: b.changes, done: done}, nil
}

// settle counts how an attempt ended, and gives how long the breaker rests then.
func (b *Breaker) settle(p *pass, err error) (left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onWire--
	if err != nil && delivery.AsFailure(err).Fault == delivery.Path {
		b.cause = err
	}
	if p.changes == b.changes { // an older one decides nothing, and must not ask the circuit
		b.count(p, err)
	}
	if left = b.left(); left > 0 && err != nil {
		b.smallest.rests(p.bytes)
	}
	return left
}

// count needs the lock.
func (b *Breaker) count(p *pass, err error) {
	verdict := b.breaks.verdict(p.began, err)
	if verdict == nil {
		b.rest.answered()
	}
	p.done(verdict)
}
