package main

import "time"

// snapshot is how things stand at the border of two phases.
type snapshot struct {
	at time.Time
	reading
	sent   int
	ashore log
}

// border ends a phase, with what the agent's page and the shore say of it at its
// end: its row is what has changed since it began.
func (d *drill) border(r reading, ashore log) {
	now := snapshot{time.Now(), r, d.load.sent() + r.points, ashore}
	i := len(d.rows) - 1
	refusals := now.refusalsSince(d.last)
	if d.script.phases[i].fault == down { // the shore cannot know of these
		refusals = map[string]int{"refused": now.attempts - d.last.attempts}
	}
	d.rows[i] = row{
		link: d.rows[i].link, took: now.at.Sub(d.last.at), sent: now.sent - d.last.sent,
		delivered: now.taken() - d.last.taken(), attempts: now.attempts - d.last.attempts,
		refusals: refusals, maxDepth: d.maxDepth,
	}
	d.last, d.maxDepth = now, 0
}

// taken is how many records are ashore.
func (s snapshot) taken() int { return s.ashore.Numbered + s.ashore.Unnumbered }

// refusalsSince is what the shore refused since then.
func (s snapshot) refusalsSince(then snapshot) map[string]int {
	more := map[string]int{}
	for met, n := range s.ashore.Refusals {
		more[met] = n - then.ashore.Refusals[met]
	}
	return more
}
