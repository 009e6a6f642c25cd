// Package gate lets one request of a key through at a time, and none after one
// of them was taken.
package gate

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/internal/seen"
)

var (
	// ErrTaken says that a request with this key was taken.
	ErrTaken = errors.New("taken already")
	// ErrBusy says that another request with this key is still in flight after the longest wait.
	ErrBusy = errors.New("another request with this key is still in flight")
)

// Memory of the keys that were taken; a [seen.Set] is one.
type Memory interface {
	// Has says whether a key was taken.
	Has(key seen.Key) bool
	// Add remembers keys, and returns when that is durable. Its error means that it is not; Has knows them all the same.
	Add(ctx context.Context, keys ...seen.Key) error
}

// Gate is safe for concurrent use.
type Gate struct {
	memory  Memory
	maxWait time.Duration
	waits   func()

	mu sync.Mutex
	// flights are the requests that were let through and are not done.
	flights map[seen.Key]*flight
}

// flight of a request. The gate's lock guards done; taken is written before done is closed.
type flight struct {
	// done is closed when it is over. Most have nobody who waits for that, and none.
	done  chan struct{}
	taken bool
}

// New makes a gate. waits is called for each request that has to wait.
func New(memory Memory, maxWait time.Duration, waits func()) *Gate {
	return &Gate{memory: memory, maxWait: maxWait, waits: waits, flights: map[seen.Key]*flight{}}
}

// Enter lets a request through, once no other of its key is in flight. The
// caller must Close the pass. The error is ErrTaken, ErrBusy, that of ctx, or that of
// beforeWait, which is called before the first wait if it is not nil.
func (g *Gate) Enter(ctx context.Context, key seen.Key, beforeWait func() error) (*Pass, error) {
	pass, other, taken := g.try(key)
	if other == nil {
		return pass, taken
	}
	g.waits()
	if beforeWait != nil {
		if err := beforeWait(); err != nil {
			return nil, err
		}
	}
	patience := time.NewTimer(g.maxWait)
	defer patience.Stop()
	for other != nil {
		select {
		case <-other.done:
			if other.taken {
				return nil, ErrTaken
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, ErrBusy
		}
		pass, other, taken = g.try(key)
	}
	return pass, taken
}

// try returns a pass, or the flight to wait for, or ErrTaken.
func (g *Gate) try(key seen.Key) (*Pass, *flight, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if other, ok := g.flights[key]; ok {
		if other.done == nil {
			other.done = make(chan struct{})
		}
		return nil, other, nil
	}
	// Flights first: what is over is in the memory before it leaves them.
	if g.memory.Has(key) {
		return nil, nil, ErrTaken
	}
	pass := &Pass{gate: g, key: key}
	g.flights[key] = &pass.flight
	return pass, nil, nil
}

// Pass of a request that was let through. It is not safe for concurrent use.
type Pass struct {
	gate   *Gate
	key    seen.Key
	flight flight
}

// Taken remembers that the request was taken, and returns when that is
// durable, or cannot be. It does not care whether the client still listens: one that
// went away is the one that sends again.
func (p *Pass) Taken(ctx context.Context) {
	// The memory says by itself when it cannot store a key: it is remembered, and the data was taken.
	_ = p.gate.memory.Add(context.WithoutCancel(ctx), p.key)
	p.flight.taken = true
}

// Close ends the flight. Unless it was taken, the next who waits is let through.
func (p *Pass) Close() {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	delete(p.gate.flights, p.key)
	if p.flight.done != nil {
		close(p.flight.done)
	}
}
