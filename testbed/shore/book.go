package shore

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// maxEntries bounds the log; the counts go on beyond it.
const maxEntries = 100_000

// Fate is what became of a request.
type Fate string

// The fates.
const (
	Pending   Fate = "pending"    // being read
	Accepted  Fate = "accepted"   // taken, and answered
	Refused   Fate = "refused"    // answered, not taken
	Hung      Fate = "hung"       // read, never answered
	Aborted   Fate = "aborted"    // connection reset; Entry.Taken says whether it was counted
	Swallowed Fate = "swallowed"  // went into the black hole, so nothing else is known of it
	BrokenOff Fate = "broken off" // the client went away before it had sent everything
)

// Entry is one request in the log.
type Entry struct {
	Request
	Fate     Fate
	Taken    bool       // the records were counted as accepted
	Repeated bool       // its key was taken before; see TakeOnce
	Status   int        // HTTP status answered (on gRPC the one Code stands for); 0 if none
	Code     codes.Code // gRPC code answered
	Finished time.Time  // when it was answered, reset or abandoned; zero while in flight
}

// InFlight reports whether the request waits for an answer.
func (e Entry) InFlight() bool { return e.Finished.IsZero() }

// book is the log and the counts of a shore. It is safe for concurrent use;
// entries are changed only under its lock.
type book struct {
	mu         sync.Mutex
	entries    []*Entry
	pending    map[*Entry]struct{}
	counts     map[int64]int
	keys       keys
	once       bool // see TakeOnce
	portalHits int
}

func newBook() *book {
	return &book{
		pending: map[*Entry]struct{}{}, counts: map[int64]int{}, keys: keys{taken: map[string][sha256.Size]byte{}},
	}
}

// arrive logs a request whose content is not known yet.
func (b *book) arrive(r Request) *Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &Entry{Request: r, Fate: Pending}
	e.Arrived = time.Now()
	if len(b.entries) == maxEntries {
		b.entries = slices.Clone(b.entries[maxEntries/10:])
	}
	b.entries = append(b.entries, e)
	b.pending[e] = struct{}{}
	return e
}

// read adds what the body told.
func (b *book) read(e *Entry, what content, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Records, e.Oldest, e.Bytes = what.ids, what.oldest, bytes
}

// decide notes a verdict, and counts the records if they were taken.
func (b *book) decide(e *Entry, v Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Taken = v.Taken
	switch {
	case v.Do == Wait:
		e.Fate = Hung
	case v.Do == Abort:
		e.Fate = Aborted
	default:
		e.answer(v)
	}
	if v.Taken {
		e.Repeated = b.keys.take(e.Request)
		if !e.Repeated || !b.once {
			b.take(e.Records)
		}
	}
}

// answer notes the reply of v.
func (e *Entry) answer(v Verdict) {
	e.Fate = Refused
	if v.Taken {
		e.Fate = Accepted
	}
	e.Status = v.Reply.status()
	e.Code = v.Reply.code()
}

func (b *book) take(ids []int64) {
	for _, id := range ids {
		if id != record.Unnumbered {
			b.counts[id]++
		}
	}
}

// finish notes that a request is over. A fate of "" leaves the one decided.
func (b *book) finish(e *Entry, fate Fate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if fate != "" {
		e.Fate = fate
	}
	e.Finished = time.Now()
	delete(b.pending, e)
}

func (b *book) hitPortal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.portalHits++
}

func (b *book) portal() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.portalHits
}

func (b *book) snapshot() []Entry { return b.since(time.Time{}) }

func (b *book) since(since time.Time) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var entries []Entry
	for _, e := range b.entries {
		if !e.Arrived.Before(since) {
			entries = append(entries, *e)
		}
	}
	return entries
}

func (b *book) inFlight() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending)
}

func (b *book) counted() map[int64]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.counts)
}

func (b *book) count(id int64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[id]
}

func (b *book) distinct() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.counts)
}

// maxOverlap is the most entries that were in flight together at or after since.
func maxOverlap(entries []Entry, since time.Time) int {
	type change struct {
		at    time.Time
		delta int
	}
	var changes []change
	for _, e := range entries {
		if !e.InFlight() && e.Finished.Before(since) {
			continue
		}
		start := e.Arrived
		if start.Before(since) {
			start = since
		}
		changes = append(changes, change{start, +1})
		if !e.InFlight() {
			changes = append(changes, change{e.Finished, -1})
		}
	}
	// At one instant the end of one request comes before the start of the next.
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(a.at.Compare(b.at), a.delta-b.delta)
	})
	now, most := 0, 0
	for _, c := range changes {
		now += c.delta
		most = max(most, now)
	}
	return most
}
