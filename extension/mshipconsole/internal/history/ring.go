package history

import "time"

// ring has one slot for each step of its span; a step's slot is that of the step one span before.
type ring struct {
	step  time.Duration
	slots []slot
	first int64 // the first step that was ever noted; -1 is none
}

type slot struct {
	number  int64 // of the step, plus one: zero is an empty slot
	values  Sample
	records float64
	bytes   float64
}

func newRing(span, step time.Duration) *ring {
	return &ring{step: step, slots: make([]slot, (span+step-1)/step), first: -1}
}

// add notes the level at the end of the step, and the sum of what was delivered in it.
func (r *ring) add(age time.Duration, s Sample, records, bytes float64) {
	number := int64(age / r.step)
	if r.first < 0 {
		r.first = number
	}
	at := &r.slots[number%int64(len(r.slots))]
	if at.number != number+1 {
		*at = slot{number: number + 1}
	}
	at.values = s
	at.records += records
	at.bytes += bytes
}

func (r *ring) series(start time.Time) Series {
	out := Series{StepSeconds: r.step.Seconds(), Points: []Point{}}
	if r.first < 0 {
		return out
	}
	now := time.Now()
	age := now.Sub(start)
	last := int64(age / r.step)
	for number := max(r.first, last-int64(len(r.slots))+1); number <= last; number++ {
		// From now backwards, so that the wall clock of today names all steps.
		at := now.Add(time.Duration(number)*r.step - age).UTC().Round(0).Truncate(time.Millisecond)
		if p, ok := r.point(number, at); ok || number < last {
			out.Points = append(out.Points, p) // the present step may still be asked
		}
	}
	return out
}

func (r *ring) point(number int64, at time.Time) (Point, bool) {
	s := r.slots[number%int64(len(r.slots))]
	if s.number != number+1 {
		return Point{At: at}, false
	}
	return Point{
		At:               at,
		QueueBytes:       &s.values.QueueBytes,
		QueueBatches:     &s.values.QueueBatches,
		DeliveredRecords: &s.records,
		DeliveredBytes:   &s.bytes,
	}, true
}
