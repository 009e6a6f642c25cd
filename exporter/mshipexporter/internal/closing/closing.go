// Package closing ends sending in good order: nothing new goes to the wire,
// and what is on it has a moment to finish.
package closing

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Err is the cause with which an attempt ends when its moment is over.
var Err = errors.New("the exporter is shutting down; the batch stays in the queue")

// Gate is open until Close. It is safe for concurrent use.
type Gate struct {
	once   sync.Once
	closed chan struct{}
	wire   context.Context
	cut    context.CancelCauseFunc
}

// New makes an open gate.
func New() *Gate {
	wire, cut := context.WithCancelCause(context.Background())
	return &Gate{closed: make(chan struct{}), wire: wire, cut: cut}
}

// Close lets nothing new pass, and cuts what is on the wire after grace. It
// does not wait. Cut may be called earlier.
func (g *Gate) Close(grace time.Duration) {
	g.once.Do(func() {
		close(g.closed)
		time.AfterFunc(grace, g.Cut)
	})
}

// Cut ends what is on the wire now.
func (g *Gate) Cut() { g.cut(Err) }

// Closed is closed once nothing new may pass.
func (g *Gate) Closed() <-chan struct{} { return g.closed }

// Layer puts the gate before next. An attempt that is cancelled, by Cut or,
// where there is no queue, by a client that hangs up, says nothing about the
// path: its fault is Us.
func (g *Gate) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		select {
		case <-g.closed:
			return 0, &delivery.Failure{Fault: delivery.Us, Err: Err}
		default:
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(g.wire, func() { cancel(Err) })()
		outcome, err := next.Send(ctx, b)
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			return 0, &delivery.Failure{Fault: delivery.Us, Sent: true, Err: context.Cause(ctx)}
		}
		return outcome, err
	})
}
