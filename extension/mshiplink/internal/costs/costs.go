// Package costs keeps what each sink has cost, by day and by month, so that people can see
// who spends the link. It is no budget: the package allowance is.
//
// A cost goes to the day and the month that the clock shows. A clock that jumps away and
// comes back finds the day as it left it.
package costs

import (
	"maps"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
)

const (
	// mostSpans of a kind are kept: the present one, and those from which a clock may have jumped away.
	mostSpans = 3
	// mostSinks of a span have a line of their own; the names come from configurations, also of the past.
	mostSinks = 256
	// Others is the line of all beyond them.
	Others = "other"
)

// Bytes that a sink has cost.
type Bytes struct {
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

func (b Bytes) plus(o Bytes) Bytes { return Bytes{b.Up + o.Up, b.Down + o.Down} }

// Sum is what the present span of one kind has cost.
type Sum struct {
	Start, Next time.Time
	// Since is when counting began; later than Start if the span is not counted whole.
	Since time.Time
	Sinks map[string]Bytes
}

// Settings of a Book.
type Settings struct {
	Day, Month calendar.Period
	Now        func() time.Time
}

// Book is the costs. It is safe for concurrent use.
type Book struct {
	now func() time.Time

	mu         sync.Mutex
	changed    bool // since it was last encoded
	day, month *ledger
}

// New makes an empty book.
func New(s Settings) *Book {
	since := s.Now()
	return &Book{now: s.Now, day: newLedger(s.Day, since), month: newLedger(s.Month, since)}
}

// Add counts what a sink has sent and received.
func (b *Book) Add(sink string, cost Bytes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.day.at(now).add(sink, cost)
	b.month.at(now).add(sink, cost)
	b.changed = true
}

// Day is what the present day has cost.
func (b *Book) Day() Sum { return b.sum(b.day) }

// Month is what the present month has cost.
func (b *Book) Month() Sum { return b.sum(b.month) }

func (b *Book) sum(l *ledger) Sum {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	s := l.at(now)
	return Sum{Start: s.Start, Next: l.period.Next(now), Since: l.Since, Sinks: maps.Clone(s.Sinks)}
}

// ledger is the spans of one kind, the one that was used last at the end.
type ledger struct {
	period calendar.Period
	until  time.Time // the last span's end

	Plan  string    `json:"plan"` // of which the spans are
	Since time.Time `json:"since"`
	Spans []span    `json:"spans"`
}

type span struct {
	Start time.Time        `json:"start"`
	Sinks map[string]Bytes `json:"sinks"`
}

func newLedger(p calendar.Period, since time.Time) *ledger {
	return &ledger{period: p, Plan: p.String(), Since: since}
}

// at is the span that the clock shows.
func (l *ledger) at(now time.Time) *span {
	last := len(l.Spans) - 1
	if last < 0 || now.Before(l.Spans[last].Start) || !now.Before(l.until) {
		l.turn(now)
		last = len(l.Spans) - 1
	}
	return &l.Spans[last]
}

// turn puts the span that the clock shows at the end.
func (l *ledger) turn(now time.Time) {
	found := span{Start: l.period.Start(now), Sinks: map[string]Bytes{}}
	others := make([]span, 0, mostSpans)
	for _, s := range l.Spans {
		if s.Start.Equal(found.Start) {
			found = s
		} else {
			others = append(others, s)
		}
	}
	others = others[max(0, len(others)-mostSpans+1):]
	l.Spans, l.until = append(others, found), l.period.Next(now)
}

func (s *span) add(sink string, cost Bytes) {
	if _, ok := s.Sinks[sink]; !ok && len(s.Sinks) >= mostSinks {
		sink = Others
	}
	s.Sinks[sink] = s.Sinks[sink].plus(cost)
}
