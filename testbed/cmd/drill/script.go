package main

import "time"

// phase is a stretch of the drill in which the link stays as it is.
type phase struct {
	title string        // what happens, told when it begins
	link  string        // the state of the link in a word or three
	fault string        // what the link does: a key of faults, or down
	lasts time.Duration // how long
	plug  bool          // the ship's power is cut in the middle of it
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
			{title: "all is well", link: "up", fault: accept, lasts: 6 * time.Second},
			{title: "the link dies: connections are refused", link: "refuses connections", fault: down, lasts: 12 * time.Second, plug: true},
			{title: "the link heals", link: "up again", fault: accept, lasts: 5 * time.Second},
			{title: "the link hangs: requests arrive, no answer comes", link: "hangs", fault: hang, lasts: 13 * time.Second, plug: true},
			{title: "the link heals", link: "up again", fault: accept, lasts: 5 * time.Second},
			{title: "the far end is overloaded: 503", link: "answers 503", fault: unavailable, lasts: 8 * time.Second},
			{title: "it recovers", link: "up again", fault: accept, lasts: 5 * time.Second},
			{title: "the far end is broken: 500", link: "answers 500", fault: broken, lasts: 8 * time.Second},
			{title: "it recovers", link: "up again", fault: accept, lasts: 5 * time.Second},
			{title: "a captive portal answers 200 text/html to everything", link: "captive portal", fault: portal, lasts: 8 * time.Second},
			{title: "somebody has logged in", link: "up again", fault: accept, lasts: 5 * time.Second},
			{title: "data comes through, but three answers in ten get lost", link: "loses answers", fault: forgetful, lasts: 9 * time.Second},
			{title: "the link heals for good", link: "up for good", fault: accept, lasts: 5 * time.Second},
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
