// Package history keeps what a sink's queue was like in the last hour, finely, and in
// the last day, coarsely, in memory of a fixed size.
package history

import (
	"time"
)

const coarseStep = 2 * time.Minute

// Sample is what a sink says at one moment. Delivered counts since the sink's start.
type Sample struct {
	QueueBytes, QueueBatches         float64
	DeliveredRecords, DeliveredBytes float64
}

// History of one sink. Its time is the monotonic clock's, so that a wall clock that jumps bends nothing.
// It is not safe for concurrent use.
type History struct {
	start      time.Time
	fine, long *ring
	last       *Sample
}

// New makes an empty history whose fine steps are as long as given.
func New(step time.Duration) *History {
	return &History{start: time.Now(), fine: newRing(time.Hour, step), long: newRing(24*time.Hour, coarseStep)}
}

// Add notes a sample of now.
func (h *History) Add(s Sample) {
	var records, bytes float64
	if h.last != nil {
		records = since(h.last.DeliveredRecords, s.DeliveredRecords)
		bytes = since(h.last.DeliveredBytes, s.DeliveredBytes)
	}
	h.last = &s
	age := time.Since(h.start)
	for _, r := range []*ring{h.fine, h.long} {
		r.add(age, s, records, bytes)
	}
}

// since: a counter that is smaller than before began anew.
func since(before, now float64) float64 {
	if now < before {
		return now
	}
	return now - before
}

// Point is one step of the history. Its values are nil where the sink was not asked or did not answer.
type Point struct {
	At               time.Time `json:"at"`
	QueueBytes       *float64  `json:"queue_bytes"`
	QueueBatches     *float64  `json:"queue_batches"`
	DeliveredRecords *float64  `json:"delivered_records"`
	DeliveredBytes   *float64  `json:"delivered_bytes"`
}

// Series is a history as the API says it.
type Series struct {
	StepSeconds float64 `json:"step_seconds"`
	Points      []Point `json:"points"`
}

// Hour is the last hour in fine steps, oldest first.
func (h *History) Hour() Series { return h.fine.series(h.start) }

// Day is the last 24 h in coarse steps, oldest first.
func (h *History) Day() Series { return h.long.series(h.start) }
