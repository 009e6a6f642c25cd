package delivery

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Signal is one of the three kinds of telemetry, named as the collector names them.
type Signal string

// The three signals.
const (
	Traces  Signal = "traces"
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
)

// ID names a batch for life: in the queue, in every attempt, in dead letters and in logs. It is a UUID.
type ID [16]byte

// String writes the id as a UUID is written (RFC 9562, section 4).
func (id ID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Part derives the id of a batch's n-th part. The same batch halved twice
// gives the same ids, so that a part can be recognised after a restart.
func (id ID) Part(n byte) ID {
	sum := sha256.Sum256(append(id[:], n))
	var part ID
	copy(part[:], sum[:])
	part[6] = part[6]&0x0f | 0x80 // version 8: made by the application
	part[8] = part[8]&0x3f | 0x80
	return part
}

// Again is the id under which the ledger knows a batch that came back from the
// dead letters so many times: it was done before, and is to be sent all the same.
func (id ID) Again(replays byte) ID {
	if replays == 0 {
		return id
	}
	return id.Part('D').Part(replays)
}

// Payload is the telemetry of a batch, whatever its signal. It is never changed once made.
type Payload interface {
	Signal() Signal
	// Records counts log records, spans or data points.
	Records() int
	// Bytes is the payload's size as OTLP protobuf.
	Bytes() int
	// MarshalProto encodes the payload as an OTLP export request.
	MarshalProto() ([]byte, error)
	// MarshalJSON encodes the payload as one line of OTLP-JSON.
	MarshalJSON() ([]byte, error)
	// Halves cuts the payload in two, in order. It needs two records or more.
	Halves() (first, second Payload)
	// Pdata is the plog.Logs, pmetric.Metrics or ptrace.Traces itself.
	Pdata() any
}

// Batch is what travels down the chain.
type Batch struct {
	ID ID
	// Wholes are the ids of the batches of which this is a part, the largest first; none if it is a whole itself.
	Wholes []ID
	// Replays is how often the batch came back from the dead letters.
	Replays byte
	Payload Payload
	// History is the same pointer in every attempt.
	History *History
	// Damage is set, and Payload is not, where the stored bytes could not be read.
	Damage *Damage
}

// Remains is what nobody took yet: the batch itself, or what is left of its parts.
func (b Batch) Remains() []Batch {
	if len(b.History.Parts) > 0 {
		return b.History.Parts
	}
	return []Batch{b}
}

// Damage is a stored batch that could not be read back: its raw bytes and why.
type Damage struct {
	Signal Signal
	Raw    []byte
	Err    error
}

// History is what the chain remembers of a batch between attempts. Each field
// is written by one layer only; a batch is in one pair of hands, so there is
// no lock.
type History struct {
	// FirstSeen is when the door took the batch, by the ship's clock.
	FirstSeen time.Time
	// Attempts on the wire in this life of the queue element (observe).
	Attempts int
	// Failures in a row since the batch last waited for somebody else (backoff).
	Failures int

	// FirstRefused is the witness's tick of the first refusal, 0 if there was none (witness).
	FirstRefused uint64
	// LastCounted is the tick of the refusal from which the next is reckoned (witness).
	LastCounted uint64
	// Refusals of retries by an answering far end, each with others taken since the refusal before (witness).
	Refusals int
	// Witnessed: before the latest attempt the far end had taken something
	// of this signal that was sent after FirstRefused (witness).
	Witnessed bool

	// Rounds is how often the batch gave up its turn because of its refusals (yield).
	Rounds int

	// Halved: the batch was halved before, in vain, and without a witness (halve).
	Halved bool
	// Parts are what is left of a batch that was refused as a whole (halve).
	Parts []Batch
	// Taken: some part was accepted or parked, so the rest must not be sent as a whole again (halve).
	Taken bool
	// Barren is how many passes in a row over the parts went without anything accepted (halve).
	Barren int
}

// Part makes the history of a part: it inherits what is known about the whole.
func (h *History) Part() *History {
	return &History{FirstSeen: h.FirstSeen, FirstRefused: h.FirstRefused, Witnessed: h.Witnessed}
}
