package allowance

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
)

// book is what is known of a plan's periods. It has one number that only grows, the bytes
// ever spent, and where that number stood when the clock first showed each period: what a
// period has cost is the difference. So nothing is forgotten, and nothing counted twice,
// when a ship's clock jumps and comes back:
//
//   - a period later than every known one begins afresh;
//   - a clock that jumps ahead opens a later period too soon; when it comes back, the one
//     before has still its mark, and what was spent meanwhile counts in it;
//   - a clock that is behind a period it has shown before is in doubt: it lies now, or it
//     lied then. Nothing begins afresh then. Where the clock shows a period that is not known, the
//     earliest mark holds;
//   - so that no doubt lasts for ever (ten years ahead, or a clock that starts in 1970
//     each time), a new allowance begins when the link has run through the length of one period
//     in doubt: whichever clock was right, the period in which it began is over. It has to do
//     until the period after the one that the clock shows is over too.
//
// The price: after a jump ahead a period's allowance may have to do for two.
type book struct {
	Version int    `json:"version"`
	Plan    string `json:"plan"` // of which the periods are
	Total   int64  `json:"total"`
	Marks   []mark `json:"marks"` // in the order of time
	// Doubt is how long the link has run in doubt.
	Doubt time.Duration `json:"doubt_ns"`
}

// mark is where the total stood when the clock first showed a period.
type mark struct {
	Period time.Time `json:"period"`
	Total  int64     `json:"total"`
}

const (
	version = 1
	// mostMarks bounds the book; the earliest go first, which are the first to be over.
	mostMarks = 4
)

// turned is the book when the clock shows now, after the link has run for so long since it
// last looked. watched says that the clock went in step with that: then a period that is over
// is over beyond doubt.
func (b book) turned(p calendar.Period, now time.Time, ran time.Duration, watched bool) book {
	b.Marks = slices.Clone(b.Marks)
	start := p.Start(now)
	if plan := p.String(); b.Plan != plan {
		b = b.replanned(plan, start)
	}
	latest := len(b.Marks) - 1
	switch {
	case latest < 0 || start.After(b.Marks[latest].Period):
		if watched && b.Doubt == 0 {
			b.Marks = nil
		}
		b.Doubt = 0
		b.Marks = append(b.Marks, mark{start, b.Total})
		b.Marks = b.Marks[max(0, len(b.Marks)-mostMarks):]
	case start.Equal(b.Marks[latest].Period):
		b.Doubt = 0
	default:
		if b.Doubt += max(ran, 1); b.Doubt > p.Longest() {
			b.Doubt, b.Marks = 0, []mark{{p.Next(now), b.Total}}
		}
	}
	return b
}

// replanned keeps the count when the plan's periods are others than before: the allowance does
// not begin afresh because somebody edits a file.
func (b book) replanned(plan string, start time.Time) book {
	b.Plan, b.Doubt = plan, 0
	if len(b.Marks) > 0 {
		b.Marks = []mark{{start, b.Marks[len(b.Marks)-1].Total}}
	}
	return b
}

// spent is what the period has cost that the clock shows.
func (b book) spent(start time.Time) int64 {
	for _, m := range b.Marks {
		if m.Period.Equal(start) {
			return max(b.Total-m.Total, 0)
		}
	}
	if len(b.Marks) == 0 {
		return 0
	}
	return max(b.Total-b.Marks[0].Total, 0)
}

// begun is where the total stood when the latest period began.
func (b book) begun() int64 {
	if len(b.Marks) == 0 {
		return 0
	}
	return b.Marks[len(b.Marks)-1].Total
}

func (b book) encode() []byte {
	b.Version = version
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // numbers and times that were read or made here
	}
	return text
}

// decode reads a book; none at all is a new one.
func decode(text []byte) (book, error) {
	var b book
	if len(text) == 0 {
		return b, nil
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return book{}, err
	}
	sorted := slices.IsSortedFunc(b.Marks, func(a, b mark) int { return a.Period.Compare(b.Period) })
	if b.Version != version || !sorted || b.Total < 0 || b.Doubt < 0 {
		return book{}, fmt.Errorf("no such book: %q", text)
	}
	return b, nil
}
