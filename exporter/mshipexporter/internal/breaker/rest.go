package breaker

import "time"

// rest is how long the wire is left alone, and when that may end early. It has no lock.
//
// A bare connect that succeeds is no proof: a satellite modem may answer every
// handshake by itself, and behind a port that listens the far end may be ill. So
// two things bound what a wake can cost:
//
//   - The n-th probe of an outage comes no earlier than (n-1) times the whole rest
//     after the breaker opened: one for each whole rest that has begun, which is
//     what it costs without wakes. What was saved up counts for one probe at most.
//   - After a wake whose probe failed a connect counts for nothing, until one has
//     failed or the breaker has closed: where every connect succeeds there is one
//     wake for each outage.
type rest struct {
	whole time.Duration
	// until is when it is over; in the past while there is none.
	until time.Time
	// spent is when the last whole rest began that a probe has used up.
	spent time.Time
	// woken: it ended early, and nothing was answered since.
	woken bool
	// fooled: the last wake was for nothing, and no connect has failed since.
	fooled bool
}

// begin is told that the breaker opened; anew, where it was closed before.
func (r *rest) begin(now time.Time, anew bool) {
	if anew {
		r.spent = now.Add(-r.whole)
	}
	r.fooled = r.fooled || r.woken
	r.woken = false
	r.until = now.Add(r.whole)
}

// probe is told that the breaker lets a probe pass.
func (r *rest) probe(now time.Time) {
	if saved := now.Add(-2 * r.whole); r.spent.Before(saved) {
		r.spent = saved
	}
	r.spent = r.spent.Add(r.whole)
}

// answered is told that the far end takes something.
func (r *rest) answered() { r.woken = false }

// over is told that the breaker closed.
func (r *rest) over() { r.woken, r.fooled = false, false }

// lasts tells whether the wire is to be left alone yet.
func (r *rest) lasts(now time.Time) bool { return !now.After(r.until) }

// left is how long to sleep until it is over: it is strictly after its time.
func (r *rest) left(now time.Time) time.Duration {
	return max(r.until.Sub(now), 0) + time.Millisecond
}

// knocked is told how a bare connect ended, and tells whether it ends the rest.
func (r *rest) knocked(now time.Time, answered bool) bool {
	switch {
	case !r.lasts(now):
		return false
	case !answered:
		r.fooled = false
		return false
	case r.fooled || now.Sub(r.spent) < r.whole:
		return false
	default:
		r.woken = true
		r.until = now.Add(-time.Nanosecond)
		return true
	}
}
