// Package delivery is the one small interface that every layer of the exporter speaks.
//
// A [Sender] delivers a [Batch] or says, in a [Failure], why it could not. A
// [Layer] wraps a Sender in exactly one behaviour. Layers never know one
// another: what one has to tell another travels in the Batch's [History], in
// the Failure or in the [Answer].
package delivery

import "context"

// Sender delivers one batch, or says why it could not.
//
// An error means that the batch is still ours. A Sender is safe for
// concurrent use with different batches; one batch is in one pair of hands.
type Sender interface {
	Send(ctx context.Context, b Batch) (Outcome, error)
}

// SenderFunc is a function that is a Sender.
type SenderFunc func(ctx context.Context, b Batch) (Outcome, error)

// Send implements Sender.
func (f SenderFunc) Send(ctx context.Context, b Batch) (Outcome, error) { return f(ctx, b) }

// Layer wraps a Sender in exactly one behaviour.
type Layer func(next Sender) Sender

// Chain wraps the sink in the layers; the first layer is the outermost.
func Chain(sink Sender, layers ...Layer) Sender {
	s := sink
	for i := len(layers) - 1; i >= 0; i-- {
		s = layers[i](s)
	}
	return s
}

// Outcome is the truth about a batch that is done.
type Outcome int

const (
	// Delivered: the far end has proved that it took the batch.
	Delivered Outcome = iota + 1
	// Duplicate: the far end had it already.
	Duplicate
	// DeadLettered: the batch, or what was left of it, lies synced among the dead letters.
	DeadLettered
	// Requeued: the batch stands durably at the back of the queue and will come again.
	Requeued
)

// String names the outcome as metrics and logs do.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Duplicate:
		return "duplicate"
	case DeadLettered:
		return "dead_lettered"
	case Requeued:
		return "requeued"
	default:
		return "none"
	}
}
