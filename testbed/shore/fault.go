package shore

import (
	"math/rand/v2"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// Request is what a Fault decides on: one request, read and decoded.
type Request struct {
	Arrived  time.Time
	Protocol Protocol
	Signal   record.Signal
	Records  []int64             // record.Unnumbered where one has no number
	Oldest   time.Time           // of its log records, by their own time; zero for other signals
	Bytes    int                 // body or message on the wire, so after compression
	Header   map[string][]string // HTTP header or gRPC metadata
}

// Protocol is how a request came.
type Protocol string

// The two protocols.
const (
	HTTP Protocol = "http"
	GRPC Protocol = "grpc"
)

// Action is what a shore does with a request.
type Action int

// The actions.
const (
	Answer Action = iota // send Verdict.Reply
	Wait                 // send nothing until the fault is replaced or the client has gone
	Abort                // reset the connection
)

// Verdict is the decision on one request. The zero value answers success
// without having taken the data, which no fault below does.
type Verdict struct {
	Do    Action
	Taken bool  // the records count as accepted
	Reply Reply // for Answer
}

// Fault decides what becomes of each request. Decide is called for one request
// at a time and must neither block nor call the Shore.
type Fault interface {
	Decide(Request) Verdict
}

// FaultFunc is a Fault made of a function.
type FaultFunc func(Request) Verdict

// Decide calls f.
func (f FaultFunc) Decide(r Request) Verdict { return f(r) }

// always is a Fault that gives the same verdict to every request.
func always(v Verdict) Fault {
	return FaultFunc(func(Request) Verdict { return v })
}

// Accept takes everything and answers as the OTLP specification says.
func Accept() Fault { return always(Verdict{Taken: true}) }

// Hang reads every request and never answers. (A gRPC call that carries a
// deadline is ended at it by the server's transport, as gRPC does everywhere.)
func Hang() Fault { return always(Verdict{Do: Wait}) }

// Reset reads every request and then resets the connection.
func Reset() Fault { return always(Verdict{Do: Abort}) }

// TakeAndReset takes the data and then resets the connection: the answer is lost.
func TakeAndReset() Fault { return Taking(Reset()) }

// earlyReset is the fault of ResetEarly.
type earlyReset struct{ Fault }

// ResetEarly resets the connection when the header has come, before the body is read.
func ResetEarly() Fault { return earlyReset{Reset()} }

// blackhole is the fault of Blackhole. Requests that were already read hang.
type blackhole struct{ Fault }

// Blackhole accepts connections at TCP level and serves none of them. What was
// sent into the hole is gone: when the fault is replaced, a connection on which
// bytes lie unread is reset; an idle one lives on.
func Blackhole() Fault { return blackhole{Hang()} }

// slow is the fault of Slow.
type slow struct {
	Fault
	bytesPerSecond int
}

// Slow accepts everything over a narrow link: all connections together are
// read at that many bytes per second, and what is not read holds the client
// back. Connections that were made before it have larger buffers, which take
// the first hundred kilobytes or so at once.
func Slow(bytesPerSecond int) Fault { return slow{Accept(), bytesPerSecond} }

// Taking does as f does, but counts the records of every request as accepted:
// Taking(NoContent()) is Loki, Taking(Status(500)) a back end that fails late.
func Taking(f Fault) Fault {
	return FaultFunc(func(r Request) Verdict {
		v := f.Decide(r)
		v.Taken = true
		return v
	})
}

// When does as then does where pred holds, and accepts elsewhere.
func When(pred func(Request) bool, then Fault) Fault {
	accept := Accept()
	return FaultFunc(func(r Request) Verdict {
		if pred(r) {
			return then.Decide(r)
		}
		return accept.Decide(r)
	})
}

// Sequence gives the first request to the first fault, and so on; the last one
// also gets all that follow. With no faults it accepts.
func Sequence(faults ...Fault) Fault {
	next := 0
	return FaultFunc(func(r Request) Verdict {
		if len(faults) == 0 {
			return Accept().Decide(r)
		}
		f := faults[min(next, len(faults)-1)]
		next++
		return f.Decide(r)
	})
}

// Share does as then does with that share of the requests, 0 to 1, picked as by
// dice but the same in every run, and accepts the others.
func Share(share float64, then Fault) Fault {
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	return When(func(Request) bool { return dice.Float64() < share }, then)
}

// RejectRecords answers 400 to every request that contains a record for which
// bad holds, and accepts the others.
func RejectRecords(bad func(id int64) bool) Fault {
	contains := func(r Request) bool {
		for _, id := range r.Records {
			if bad(id) {
				return true
			}
		}
		return false
	}
	return When(contains, Status(400, WithBody("text/plain", "a record is not acceptable")))
}

// RejectSignal answers status to every request of the signal, and accepts the others.
func RejectSignal(signal record.Signal, status int, opts ...StatusOption) Fault {
	is := func(r Request) bool { return r.Signal == signal }
	return When(is, Status(status, opts...))
}

// RejectLargerThan answers 413 to every request of more than n bytes on the
// wire, and accepts the others.
func RejectLargerThan(n int) Fault {
	return When(func(r Request) bool { return r.Bytes > n }, Status(413))
}
