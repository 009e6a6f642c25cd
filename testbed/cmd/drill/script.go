package main

import "time"

// phase is a stretch of the drill in which the link stays as it is.
type phase struct {
	title string        // what happens, told when it begins
	link  string        // the state of the link in a word or three
	fault string        // what the shore does: a key of faults, or down
	lasts time.Duration // how long
}

// script is a whole drill.
type script struct {
	phases   []phase
	openFor  time.Duration // open_duration of the ship's breaker
	timeout  time.Duration // its patience with a silent far end
	scrapes  time.Duration // between two scrapes of the host's metrics
	tells    time.Duration // between two lines of narration
	patience time.Duration // until what has not come ashore counts as lost
}

// duration is how long there is new input.
func (s script) duration() time.Duration {
	var sum time.Duration
	for _, p := range s.phases {
		sum += p.lasts
	}
	return sum
}

// fullScript takes about 90 s.
func fullScript() script {
	return script{
		phases: []phase{
			{"all is well", "up", accept, 8 * time.Second},
			{"the link dies: connections are refused", "refuses connections", down, 12 * time.Second},
			{"the link heals", "up again", accept, 5 * time.Second},
			{"the link hangs: requests arrive, no answer comes", "hangs", hang, 13 * time.Second},
			{"the link heals", "up again", accept, 5 * time.Second},
			{"the far end is overloaded: 503", "answers 503", unavailable, 9 * time.Second},
			{"it recovers", "up again", accept, 5 * time.Second},
			{"the far end is broken: 500", "answers 500", broken, 9 * time.Second},
			{"it recovers", "up again", accept, 5 * time.Second},
			{"a captive portal answers 200 text/html to everything", "captive portal", portal, 9 * time.Second},
			{"somebody has logged in: the link heals for good", "up for good", accept, 6 * time.Second},
		},
		openFor:  3 * time.Second,
		timeout:  2 * time.Second,
		scrapes:  2 * time.Second,
		tells:    2 * time.Second,
		patience: 30 * time.Second,
	}
}

// shortScript is the same story in phases of at most 2 s.
func shortScript() script {
	s := fullScript()
	for i := range s.phases {
		s.phases[i].lasts = min(s.phases[i].lasts, 2*time.Second)
	}
	s.openFor, s.timeout, s.scrapes, s.tells = 500*time.Millisecond, 500*time.Millisecond, time.Second, time.Second
	return s
}
