package load

import (
	"maps"
	"slices"
	"sync"
)

// maxRefusals bounds the refusals that are kept; their counts go on beyond it.
const maxRefusals = 10_000

// Ledger is what a client knows of its records. It is safe for concurrent use
// and may be read while a run goes on.
type Ledger struct {
	mu           sync.Mutex
	sent         int
	acknowledged []int64
	dropped      []int64
	refusals     []Refusal
	answers      map[string]int
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{answers: map[string]int{}} }

// Sent is how many records were tried at least once.
func (l *Ledger) Sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// Acknowledged lists the records whose request was answered with success.
func (l *Ledger) Acknowledged() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.acknowledged)
}

// AcknowledgedCount is the length of Acknowledged.
func (l *Ledger) AcknowledgedCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// Dropped lists the records that a correct client had to give up, because the
// answer was permanent. They are nobody's loss but the one's who answered so.
func (l *Ledger) Dropped() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.dropped)
}

// Refusals lists the attempts that were not acknowledged, the newest 10,000.
func (l *Ledger) Refusals() []Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.refusals)
}

// Answers counts all refusals by Refusal.Answer, such as "503" or "no answer".
func (l *Ledger) Answers() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.answers)
}

func (l *Ledger) begin(b Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += b.N
}

func (l *Ledger) acknowledge(b Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged = append(l.acknowledged, b.IDs()...)
}

func (l *Ledger) drop(b Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = append(l.dropped, b.IDs()...)
}

func (l *Ledger) refuse(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refusals) == maxRefusals {
		l.refusals = slices.Clone(l.refusals[maxRefusals/10:])
	}
	l.refusals = append(l.refusals, r)
	l.answers[r.Answer()]++
}
