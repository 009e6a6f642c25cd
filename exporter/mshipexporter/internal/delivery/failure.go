package delivery

import (
	"errors"
	"fmt"
	"time"
)

// Fault says whose fault a failure is.
type Fault int

const (
	// Path is the path or the far end: keep the batch, count for the breaker, try again.
	Path Fault = iota
	// ThisBatch is what the batch holds: it is never sent again as it is.
	ThisBatch
	// Us is our own doing, such as a shutdown: neither counted nor lost.
	Us
)

// String names the fault.
func (f Fault) String() string {
	switch f {
	case ThisBatch:
		return "this batch"
	case Us:
		return "us"
	default:
		return "the path or the far end"
	}
}

// Failure is the error that layers return.
type Failure struct {
	Fault Fault
	// Status is the far end's HTTP status, or what a gRPC code corresponds to; 0 without an answer.
	Status int
	// Message is one line for people: what came back, and what to do about it.
	Message string
	// RetryAfter is the pause that the far end asked for; 0 if it did not.
	RetryAfter time.Duration
	// Wait, if not 0, is how long it is no use to try again: it takes the place of a backoff.
	Wait time.Duration
	// Sent: the wire was touched.
	Sent bool
	// Timeout: the far end fell silent.
	Timeout bool
	// Broken: the connection broke under the request, before an answer had come.
	Broken bool
	// Err is the cause, if there is one.
	Err error
}

// Error implements error.
func (f *Failure) Error() string {
	switch {
	case f.Message != "" && f.Err != nil:
		return fmt.Sprintf("%s: %v", f.Message, f.Err)
	case f.Err != nil:
		return f.Err.Error()
	default:
		return f.Message
	}
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Refused tells whether a far end that answers did not take the batch, and
// named no time to come again: only that says something about the batch. 429
// does only where the user blames it on the batch.
func (f *Failure) Refused() bool {
	if !f.Sent || f.RetryAfter > 0 {
		return false
	}
	return f.Fault == ThisBatch || f.Status >= 400 && f.Status != 429
}

// AsFailure finds the Failure in err; any other error is a failure of the path.
func AsFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return &Failure{Fault: Path, Err: err}
}
