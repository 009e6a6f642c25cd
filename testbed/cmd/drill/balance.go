package main

import (
	"errors"
	"fmt"

	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// source is the balance of one kind of input.
type source struct {
	name       string
	sent       int // acknowledged by the agent; of syslog, written
	delivered  int // ashore, without second copies
	lost       int
	duplicated int    // copies too many
	parked     int    // in the dead letters
	which      string // the numbers of the lost ones, where they have numbers
	doubled    string // and of those that came more than once
}

// numbered is the balance of records with numbers from first up to, but not
// including, end.
func numbered(name string, sent []int64, ashore map[int64]int, parked []int64, first, end int64) source {
	mine := map[int64]int{}
	for id, n := range ashore {
		if first <= id && id < end {
			mine[id] = n
		}
	}
	var dead []int64
	for _, id := range parked {
		if first <= id && id < end {
			dead = append(dead, id)
		}
	}
	t := tally.Compare(sent, mine, dead)
	return source{
		name: name, sent: t.Acknowledged, delivered: t.Delivered, lost: len(t.Lost),
		duplicated: t.Copies, parked: len(t.Parked), which: tally.Ranges(t.Lost), doubled: tally.Ranges(t.Duplicated),
	}
}

// unnumbered is the balance of records of which we know only how many there
// were: a lost one and a second copy of another cancel out.
func unnumbered(name string, sent, ashore, parked int) source {
	return source{
		name: name, sent: sent, delivered: min(sent, ashore), parked: parked,
		lost: max(0, sent-ashore-parked), duplicated: max(0, ashore-sent),
	}
}

// verdict is nil if every source sent something, lost nothing, and none of its
// records came twice.
func verdict(sources []source) error {
	var faults []error
	for _, s := range sources {
		switch {
		case s.sent == 0:
			faults = append(faults, fmt.Errorf("%s: nothing was sent, so this proves nothing", s.name))
		case s.lost > 0 && s.which != "":
			faults = append(faults, fmt.Errorf("%s: LOST %s: %s", s.name, count(s.lost), s.which))
		case s.lost > 0:
			faults = append(faults, fmt.Errorf("%s: LOST %s", s.name, count(s.lost)))
		}
		if s.doubled != "" { // what has no numbers may have come in after it was counted
			faults = append(faults, fmt.Errorf("%s: DOUBLED %s: %s", s.name, count(s.duplicated), s.doubled))
		}
	}
	return errors.Join(faults...)
}
