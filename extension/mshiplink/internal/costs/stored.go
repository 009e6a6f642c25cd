package costs

import (
	"encoding/json"
	"fmt"
)

const version = 1

// stored is the format; it is JSON.
type stored struct {
	Version int     `json:"version"`
	Day     *ledger `json:"day"`
	Month   *ledger `json:"month"`
}

// Encode is the book as it is stored.
func (b *Book) Encode() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = false
	text, err := json.Marshal(stored{version, b.day, b.month})
	if err != nil {
		panic(err) // numbers, names and times that were read or made here
	}
	return text
}

// Changed says that something was counted since the book was last encoded.
func (b *Book) Changed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// Recall continues what an earlier run has stored; nothing at all is a first run. On an error
// the book is as it was.
func (b *Book) Recall(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if s.Version != version || s.Day == nil || s.Month == nil {
		return fmt.Errorf("no such book: %.200q", text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.day.recall(s.Day)
	b.month.recall(s.Month)
	return nil
}

// recall: spans that begin at other times than before begin anew.
func (l *ledger) recall(from *ledger) {
	if from.Plan != l.Plan {
		return
	}
	l.Since, l.Spans = from.Since, from.Spans[max(0, len(from.Spans)-mostSpans):]
	for i := range l.Spans {
		if l.Spans[i].Sinks == nil {
			l.Spans[i].Sinks = map[string]Bytes{}
		}
	}
}
