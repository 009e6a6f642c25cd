package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// Batch is one request: N records of one signal, numbered from From. All its
// attempts have the same bytes if it has an At; Deliver gives it one.
type Batch struct {
	Signal record.Signal
	From   int64
	N      int
	At     time.Time // of its records: a whole second for all, or else a microsecond apart; the zero time is now
	Noise  int       // bytes that each log record has more, of which compression saves no more than half
	// Logs makes log records as the function of this name does, which it stands for if it is nil.
	Logs func(from int64, n int, at time.Time) plog.Logs
}

func (b Batch) at() time.Time {
	if b.At.IsZero() {
		return time.Now()
	}
	return b.At
}

// IDs lists the numbers of the batch's records.
func (b Batch) IDs() []int64 {
	ids := make([]int64, b.N)
	for i := range ids {
		ids[i] = b.From + int64(i)
	}
	return ids
}

// String is for messages: "logs 100..199".
func (b Batch) String() string {
	return fmt.Sprintf("%s %d..%d", b.Signal, b.From, b.From+int64(b.N)-1)
}

// Sender makes one attempt to send a batch. It returns nil only if the far end
// acknowledged it, and a *Refusal if it answered or could not be reached.
// It is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, b Batch) error
	Close() error
}

// Refusal says why an attempt was not acknowledged.
type Refusal struct {
	At        time.Time
	Batch     Batch
	Status    int           // HTTP status; 0 if there was no HTTP answer
	Code      codes.Code    // gRPC code; OK if there was no gRPC answer
	Delay     time.Duration // what Retry-After or RetryInfo asked for
	HasDelay  bool          // whether they were there at all
	Retryable bool          // whether a correct client sends it again
	Err       error
}

// Error names the batch and the answer.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s refused (%s, delay %s): %v", r.Batch, r.Answer(), r.Delay, r.Err)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Answered reports whether there was an answer at all.
func (r *Refusal) Answered() bool { return r.Status != 0 || r.Code != codes.OK }

// Answer is the answer in one word: "503", "Unavailable", or "no answer".
func (r *Refusal) Answer() string {
	switch {
	case r.Status != 0:
		return fmt.Sprint(r.Status)
	case r.Code != codes.OK:
		return r.Code.String()
	}
	return "no answer"
}

// alternating sends by several senders in turn.
type alternating struct {
	senders []Sender
	next    atomic.Uint64
}

// Alternate sends by each of the senders in turn; there must be one at least.
func Alternate(senders ...Sender) Sender { return &alternating{senders: senders} }

// Send sends by the sender whose turn it is.
func (a *alternating) Send(ctx context.Context, b Batch) error {
	turn := a.next.Add(1) - 1
	return a.senders[turn%uint64(len(a.senders))].Send(ctx, b)
}

// Close closes all senders.
func (a *alternating) Close() error {
	errs := make([]error, len(a.senders))
	for i, s := range a.senders {
		errs[i] = s.Close()
	}
	return errors.Join(errs...)
}
