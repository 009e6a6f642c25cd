package sink

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Sink is the end of the chain: the user's exporter for one signal. It is safe for concurrent use.
type Sink struct {
	component component.Component
	consume   func(ctx context.Context, pdata any) error
	classes   classes
	signal    delivery.Signal
	onPartial func(b delivery.Batch, rejected int64, why string)
	// probed: the probe sees this sink's traffic.
	probed bool
	// compression is nil where the sink has no such setting.
	compression *string
}

// Probed tells whether the true answers of the far end are known.
func (s *Sink) Probed() bool { return s.probed }

// Compression is what the sink compresses its requests with, such as gzip or
// zstd, "" or none for nothing; false where its settings do not say.
func (s *Sink) Compression() (name string, known bool) {
	if s.compression == nil {
		return "", false
	}
	return *s.compression, true
}

// Shutdown stops the user's exporter.
func (s *Sink) Shutdown(ctx context.Context) error { return s.component.Shutdown(ctx) }

// Send implements delivery.Sender: one attempt.
func (s *Sink) Send(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
	answer := &delivery.Answer{Batch: b.ID, Signal: s.signal, Bytes: b.Payload.Bytes()}
	err := s.consume(delivery.WithAnswer(ctx, answer), b.Payload.Pdata())
	if f := s.verdict(answer, err); f != nil {
		return 0, f
	}
	if reply, _ := answer.Reply(); reply.Rejected > 0 && s.onPartial != nil {
		s.onPartial(b, min(reply.Rejected, int64(b.Payload.Records())), reply.Why) // a far end can write any number
	}
	return delivery.Delivered, nil
}

// verdict is nil if the batch was delivered. The reply seen next to the wire
// decides wherever there is one; the sink's error says the rest.
func (s *Sink) verdict(answer *delivery.Answer, err error) *delivery.Failure {
	reply, seen := answer.Reply()
	switch {
	case seen && reply.Accepted:
		return nil
	case !seen && err == nil:
		return nil
	case seen && reply.Status != 0:
		return s.refused(reply)
	case seen:
		return &delivery.Failure{Message: reply.Message, Sent: true, Timeout: reply.Timeout, Broken: reply.Broken, Err: reply.Err}
	case consumererror.IsPermanent(err):
		return &delivery.Failure{Fault: delivery.ThisBatch, Status: 0, Message: "the sink refuses the batch for good", Sent: true, Err: err}
	default:
		return &delivery.Failure{Sent: true, Timeout: errors.Is(err, context.DeadlineExceeded), Err: err}
	}
}

// refused: a far end that names a time to come again means the time, not the
// batch (RFC 9110, section 15.5.14 says so of 413).
func (s *Sink) refused(r delivery.Reply) *delivery.Failure {
	f := &delivery.Failure{Fault: delivery.Path, Status: r.Status, Message: r.Message, RetryAfter: r.RetryAfter, Sent: true, Broken: r.Broken}
	if r.RetryAfter == 0 {
		f.Fault = s.classes.fault(r.Status)
	}
	return f
}
