package mshipexporter

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter/api"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// How much is remembered of the breaker.
const (
	changesFor  = 24 * time.Hour
	mostChanges = 1000
)

// tally is what is counted for people; instruments cannot be read back. It is
// safe for concurrent use.
type tally struct {
	retries, errors, timeouts, records, bytes, rejected, opened atomic.Int64

	last atomic.Pointer[api.Answer]

	mu      sync.Mutex
	changes []api.Change
}

func (t *tally) delivered(p delivery.Payload) {
	t.records.Add(int64(p.Records()))
	t.bytes.Add(int64(p.Bytes()))
	t.last.Store(&api.Answer{At: time.Now().UTC(), OK: true, Text: "delivered"})
}

func (t *tally) failed(f *delivery.Failure) {
	t.errors.Add(1)
	if f.Timeout {
		t.timeouts.Add(1)
	}
	text := f.Error()
	if f.RetryAfter > 0 {
		text += ", retry after " + f.RetryAfter.Round(time.Second).String()
	}
	t.last.Store(&api.Answer{At: time.Now().UTC(), Status: f.Status, Text: text})
}

// breaker hears of every change of the breaker's state.
func (t *tally) breaker(to breaker.State) {
	if to == breaker.Open {
		t.opened.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes = append(t.changes, api.Change{At: time.Now().UTC(), State: to.String()})
	t.forget()
}

// forget drops what is too old or too much, but for the state at the begin of what is left.
func (t *tally) forget() {
	old := 0
	for old+1 < len(t.changes) && (time.Since(t.changes[old+1].At) > changesFor || len(t.changes)-old > mostChanges) {
		old++
	}
	t.changes = slices.Delete(t.changes, 0, old)
}

func (t *tally) history() []api.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget()
	return slices.Clone(t.changes)
}

func (t *tally) counters() api.Counters {
	return api.Counters{
		Retries: t.retries.Load(), Errors: t.errors.Load(), Timeouts: t.timeouts.Load(), DeliveredRecords: t.records.Load(),
		DeliveredBytes: t.bytes.Load(), RejectedRecords: t.rejected.Load(), CircuitOpened: t.opened.Load(),
	}
}
