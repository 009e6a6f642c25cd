package delivery

import (
	"context"
	"sync"
	"time"
)

// Reply is what the far end really answered to one attempt, as seen next to the wire.
type Reply struct {
	// Status is an HTTP status, or what a gRPC code corresponds to; 0 if nothing came back.
	Status int
	// Accepted: the reply proves that the far end took the batch.
	Accepted bool
	// Rejected are the records that the far end did not take of a batch that it
	// took, and Why is what it says of them, in one line.
	Rejected int64
	Why      string
	// Message is one line for people.
	Message string
	// RetryAfter is the pause asked for, reckoned from the moment the reply came.
	RetryAfter time.Duration
	// Timeout: the far end fell silent.
	Timeout bool
	// Broken: the connection broke under the request, before an answer had come.
	Broken bool
	// Err is what went wrong on the way, if anything.
	Err error
}

// Answer carries an attempt's Reply from the wire back to whoever sent it,
// past a sink that tells only half of it. It is safe for concurrent use.
type Answer struct {
	// Batch is the id of what is sent.
	Batch ID
	// Signal of the attempt, so that the reply can be decoded.
	Signal Signal
	// Bytes of the attempt before compression.
	Bytes int

	mu       sync.Mutex
	reply    Reply
	seen     bool
	requests byte
}

// NextKey is the idempotency key of the next request of the attempt: the
// batch's id, the same in every attempt. Of a sink that makes several requests
// for one batch each has its own key, or the far end would drop all but the first.
func (a *Answer) NextKey() ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.requests
	a.requests++
	if n == 0 {
		return a.Batch
	}
	return a.Batch.Part('r').Part(n)
}

// Record keeps the reply. Where a sink makes several requests for one batch,
// a reply that accepts never covers one that does not, nor the records that it
// did not take.
func (a *Answer) Record(r Reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen && !a.reply.Accepted && r.Accepted {
		return
	}
	if r.Accepted && a.reply.Rejected > 0 {
		r.Rejected += a.reply.Rejected
		r.Why = a.reply.Why
	}
	a.reply, a.seen = r, true
}

// Reply gives the reply; false where nothing passed the wire.
func (a *Answer) Reply() (Reply, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reply, a.seen
}

type answerKey struct{}

// WithAnswer hands the answer down to the wire.
func WithAnswer(ctx context.Context, a *Answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// AnswerFrom finds the answer; nil if the context carries none.
func AnswerFrom(ctx context.Context) *Answer {
	a, _ := ctx.Value(answerKey{}).(*Answer)
	return a
}
