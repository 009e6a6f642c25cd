// Package deliverytest holds scripted fakes for the tests of layers: a
// payload of numbered records, a sender that follows a script, a far end with
// rules, and dead letters in memory. All are safe for concurrent use, as far
// as what they stand for is.
package deliverytest

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// RecordBytes is the size of every record.
const RecordBytes = 10

// Payload is numbered records of a signal, without pdata.
type Payload struct {
	Kind    delivery.Signal
	Numbers []int
}

var _ delivery.Payload = (*Payload)(nil)

// Signal implements delivery.Payload.
func (p *Payload) Signal() delivery.Signal { return p.Kind }

// Records implements delivery.Payload.
func (p *Payload) Records() int { return len(p.Numbers) }

// Bytes implements delivery.Payload.
func (p *Payload) Bytes() int { return RecordBytes * len(p.Numbers) }

// MarshalProto implements delivery.Payload; it is no protobuf.
func (p *Payload) MarshalProto() ([]byte, error) { return p.MarshalJSON() }

// MarshalJSON implements delivery.Payload.
func (p *Payload) MarshalJSON() ([]byte, error) { return json.Marshal(p.Numbers) }

// Halves implements delivery.Payload. It panics where the contract forbids the call.
func (p *Payload) Halves() (first, second delivery.Payload) {
	if len(p.Numbers) < 2 {
		panic("Halves of fewer than two records")
	}
	middle := len(p.Numbers) / 2
	return &Payload{p.Kind, p.Numbers[:middle:middle]}, &Payload{p.Kind, p.Numbers[middle:]}
}

// Pdata implements delivery.Payload.
func (p *Payload) Pdata() any { return p.Numbers }

// Batch makes a batch of logs with n records, numbered from first. Its id follows from first.
func Batch(first, n int) delivery.Batch { return BatchOf(delivery.Logs, first, n) }

// BatchOf is [Batch] for any signal.
func BatchOf(signal delivery.Signal, first, n int) delivery.Batch {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = first + i
	}
	var id delivery.ID
	binary.BigEndian.PutUint64(id[8:], uint64(first))
	return delivery.Batch{
		ID:      id,
		Payload: &Payload{Kind: signal, Numbers: numbers},
		History: &delivery.History{FirstSeen: time.Now()},
	}
}

// Numbers of the records of a batch made here.
func Numbers(b delivery.Batch) []int { return b.Payload.(*Payload).Numbers }

// Remaining are the numbers of what nobody took of a batch yet.
func Remaining(b delivery.Batch) []int {
	var left []int
	for _, part := range b.Remains() {
		left = append(left, Numbers(part)...)
	}
	return left
}
