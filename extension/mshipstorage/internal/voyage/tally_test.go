package voyage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// verdict of a voyage that has come to its end.
type verdict struct {
	// lost and doubled are records; again are requests that came a second time to
	// the far end; whims is 1 where that had changed its mind.
	lost, doubled, again, whims int
	problems                    []string
}

// tally counts over many recoveries. It is safe for concurrent use.
type tally struct {
	mu sync.Mutex
	// cuts in voyages, and seconds in recoveries; both of them by steps.
	cuts, seconds int
	steps         map[string]int
	recoveries    int
	verdict
}

func newTally() *tally { return &tally{steps: map[string]int{}} }

func (s *tally) judged(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recoveries++
	s.note(v)
}

func (s *tally) note(v verdict) {
	s.lost += v.lost
	s.doubled += v.doubled
	s.again += v.again
	s.whims += v.whims
	s.problems = append(s.problems, v.problems...)
}

// cutAgain counts the cuts of a recovery.
func (s *tally) cutAgain(b *blade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seconds += b.count(s.steps)
}

func (s *tally) add(o *tally) {
	s.cuts += o.cuts
	s.seconds += o.seconds
	s.recoveries += o.recoveries
	for step, n := range o.steps {
		s.steps[step] += n
	}
	s.note(o.verdict)
}

func (s *tally) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.problems) > 0
}

// String implements fmt.Stringer.
func (s *tally) String() string {
	var steps []string
	for _, step := range slices.Sorted(maps.Keys(s.steps)) {
		steps = append(steps, fmt.Sprintf("%s %d", step, s.steps[step]))
	}
	return fmt.Sprintf("%d cut points and %d more in recoveries, %d recoveries: %d records lost, %d doubled, %d requests came again under their keys\n(%s)",
		s.cuts, s.seconds, s.recoveries, s.lost, s.doubled, s.again, strings.Join(steps, ", "))
}
