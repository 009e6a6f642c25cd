package deliverytest

import (
	"slices"
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Entry is one parked batch.
type Entry struct {
	Numbers []int
	Reason  string
	Status  int
}

// Letters are dead letters in memory.
type Letters struct {
	mu      sync.Mutex
	entries []Entry
	fail    error
}

// Fail makes parking fail from now on; nil mends it.
func (l *Letters) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// Park stores what is left of the batch as one entry.
func (l *Letters) Park(b delivery.Batch, reason string, f *delivery.Failure) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return fresh(l.fail)
	}
	l.entries = append(l.entries, Entry{Remaining(b), reason, f.Status})
	return nil
}

// Entries in the order in which they came.
func (l *Letters) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// Parked counts how often each record was parked.
func (l *Letters) Parked() map[int]int {
	parked := map[int]int{}
	for _, e := range l.Entries() {
		for _, number := range e.Numbers {
			parked[number]++
		}
	}
	return parked
}
