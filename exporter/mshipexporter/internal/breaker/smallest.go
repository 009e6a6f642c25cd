package breaker

import "time"

// grace is how long the first probe's place is kept for the smallest batch: it
// wakes within a nap, and may have to ask twice.
const grace = nap + 2*poll

// smallest picks the first probe: should the path be dead yet, its body is what
// that costs. It knows the batches that rest; it has no lock.
type smallest struct {
	// bytes of the smallest that rests; 0 where none is known.
	bytes int
	since time.Time
}

// forget what rested: a new rest begins.
func (s *smallest) forget() { s.bytes = 0 }

// rests is told the size of a batch that was sent to rest.
func (s *smallest) rests(bytes int) {
	if s.bytes == 0 || bytes < s.bytes {
		s.bytes = bytes
	}
}

// choose is told that the rest is over.
func (s *smallest) choose(now time.Time) { s.since = now }

// may tells whether a batch of this size may be the first probe. After the grace
// anyone may: the smallest may not be there any more.
func (s *smallest) may(bytes int, now time.Time) bool {
	return s.bytes == 0 || bytes <= s.bytes || now.Sub(s.since) >= grace
}
