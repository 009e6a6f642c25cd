// Package toll has a sink pay for the link that it shares and that cannot see its
// connections: each batch waits for its bytes before it is sent.
package toll

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

var (
	errOpened = errors.New("the circuit breaker has opened while the batch waited for the link; it stays in the queue")
	errClosed = errors.New("the exporter is shutting down while the batch waits for the link; it stays in the queue")
)

// Pay waits until the link has granted so many bytes. What is express goes before what is
// not. done must be called once, and says whether they were sent; on an error nothing is owed.
type Pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error)

// Path is the state of the circuit breaker.
type Path struct {
	// Open: nothing is sent now. HalfOpen: what comes is a probe.
	Open, HalfOpen func() bool
}

// Booth is where the batches of all signals of one sink wait. It is safe for concurrent use.
type Booth struct {
	pay  Pay
	path Path

	mu     sync.Mutex
	shift  context.Context // of those who wait now
	end    context.CancelCauseFunc
	closed bool
}

// New makes a booth.
func New(pay Pay, path Path) *Booth {
	b := &Booth{pay: pay, path: path}
	b.shift, b.end = context.WithCancelCause(context.Background())
	return b
}

// Clear sends back those who wait: the breaker has opened, and a probe that comes later
// must find neither the link nor the breaker full of them.
func (b *Booth) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.end(errOpened)
	b.shift, b.end = context.WithCancelCause(context.Background())
}

// Close sends back those who wait, and whoever comes.
func (b *Booth) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.end(errClosed)
}

func (b *Booth) now() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shift
}

// Layer puts the booth before next. A wait that ends without a grant is no attempt, and no
// failure of the path: its fault is Us.
func (b *Booth) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, batch delivery.Batch) (delivery.Outcome, error) {
		done, err := b.wait(ctx, batch.Payload.Bytes())
		if err != nil {
			return 0, &delivery.Failure{Fault: delivery.Us, Err: err}
		}
		outcome, err := next.Send(ctx, batch)
		done(!unsent(err))
		return outcome, err
	})
}

func (b *Booth) wait(ctx context.Context, bytes int) (done func(sent bool), err error) {
	shift := b.now()
	if b.path.Open() {
		return nil, errOpened // it opened before shift began: nobody would end the wait
	}
	if err := context.Cause(shift); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(shift, func() { cancel(context.Cause(shift)) })()
	return b.pay(ctx, bytes, b.path.HalfOpen())
}

// unsent: there was no connection, so the link carried nothing. Of any other failure nobody
// knows how far it came.
func unsent(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	_, noName := errors.AsType[*net.DNSError](err)
	return noName
}
