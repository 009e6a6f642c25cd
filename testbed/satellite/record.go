package satellite

import (
	"slices"
	"sync"
	"time"
)

// grain is how long bytes that come one after the other count as one arrival: it
// bounds what a record holds.
const grain = time.Millisecond

// Record is when bytes came, as the kernel saw it where it tells. It is safe for concurrent use.
type Record struct {
	mu       sync.Mutex
	arrivals []arrival // in order of time
}

type arrival struct {
	at    time.Time
	bytes int
}

func (r *Record) note(at time.Time, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.arrivals)
	for i > 0 && r.arrivals[i-1].at.After(at) {
		i-- // the goroutine of another connection was quicker to note its own
	}
	if i > 0 && at.Sub(r.arrivals[i-1].at) < grain {
		r.arrivals[i-1].bytes += n
		return
	}
	r.arrivals = slices.Insert(r.arrivals, i, arrival{at, n})
}

func (r *Record) snapshot() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

// First is when the first byte came; the zero time if none has.
func (r *Record) First() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.arrivals) == 0 {
		return time.Time{}
	}
	return r.arrivals[0].at
}

// Total is how many bytes came so far.
func (r *Record) Total() (sum int) {
	for _, a := range r.snapshot() {
		sum += a.bytes
	}
	return sum
}

// Sum is how many bytes came at or after from and before to.
func (r *Record) Sum(from, to time.Time) (sum int) {
	for _, a := range r.snapshot() {
		if !a.at.Before(from) && a.at.Before(to) {
			sum += a.bytes
		}
	}
	return sum
}

// Most is the largest number of bytes that came in any span of that length, on
// all the records together, and when the last of them came. Only spans for which
// counts holds are looked at; nil is all of them.
func Most(span time.Duration, counts func(from, to time.Time) bool, records ...*Record) (most int, at time.Time) {
	var all []arrival
	for _, r := range records {
		all = append(all, r.snapshot()...)
	}
	slices.SortFunc(all, func(a, b arrival) int { return a.at.Compare(b.at) })
	first, inside := 0, 0
	for _, a := range all {
		inside += a.bytes
		for a.at.Sub(all[first].at) >= span {
			inside -= all[first].bytes
			first++
		}
		if inside > most && (counts == nil || counts(a.at.Add(-span), a.at)) {
			most, at = inside, a.at
		}
	}
	return most, at
}
