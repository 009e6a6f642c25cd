package voyage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

// route is how a ship is set up, and what it meets.
type route struct {
	name string
	// parcel is batch's min_size in records; 0 is no batch.
	parcel int
	// lose so many answers, and refuse these records for good.
	lose int
	bad  []string
	// fresh: what is new goes before what is old, one at a time.
	fresh bool
	// whim: after a power cut the far end takes what it refused before.
	whim bool
}

// world is a ship's disk, and everybody who knows what must be on it.
type world struct {
	where    string
	route    route
	disk     *disktest.Memory
	coast    *coast
	customer *customer
	letters  letters
	// calm: the coast was, at every cut until now; what the ship has not heard then it
	// may never hear. whimsical: the coast has changed its mind.
	calm, whimsical bool
}

func newWorld(r route, root string) *world {
	w := &world{where: r.name, route: r, disk: disktest.New(), coast: newCoast(), customer: &customer{}, letters: letters{root: root}, calm: true}
	w.coast.lose, w.coast.bad = r.lose, r.bad
	if r.fresh {
		w.coast.latency = 200 * time.Millisecond // or nothing waits
	}
	return w
}

// shore is a copy of all but the disk.
func (w *world) shore() (*world, error) {
	c := &world{where: w.where, route: w.route, customer: w.customer.clone(), coast: w.coast.clone(), calm: w.calm && w.coast.calm(), whimsical: w.whimsical}
	var err error
	c.letters, err = w.letters.clone()
	return c, err
}

// with is a world of its own on a disk.
func (w *world) with(disk *disktest.Memory, where string) *world {
	return &world{
		where: where, route: w.route, disk: disk, coast: w.coast.clone(), customer: w.customer.clone(), letters: w.letters,
		calm: w.calm, whimsical: w.whimsical,
	}
}

// voyage is the script: nobody answers, a restart with a full queue, then the
// far end answers, and at last all is delivered.
func (w *world) voyage(b *blade) error {
	w.coast.setDark(true)
	s, err := w.launch(b)
	if err != nil {
		return err
	}
	w.customer.demand(8) // the last two wait in the journal when it stops
	w.customer.send(s)
	if err := s.stop(); err != nil {
		return err
	}
	w.coast.setDark(false)
	return w.arrive(b, 8)
}

// How often, and how long, in the time of the bubble, a ship is given to deliver what it has.
const (
	rounds   = 20
	patience = 20 * time.Second
)

// arrive trades until nothing is left. Once is enough, but for a batch with a
// bad record that lay among the dead letters before the cut: nobody waits for it any more,
// and it needs others that are sent after it was refused.
func (w *world) arrive(b *blade, requests int) error {
	for range 4 {
		if err := w.trade(b, requests); err != nil || len(w.route.bad) == 0 {
			return err
		}
		if left, err := w.left(); err != nil || len(left) == 0 {
			return err
		}
		requests = 4 // more than are sent at a time
	}
	return nil
}

// trade starts a ship, demands so many requests, and stops it when everything
// that was ever demanded has come to its end.
func (w *world) trade(b *blade, requests int) error {
	s, err := w.launch(b)
	if err != nil {
		return err
	}
	err = w.deliver(s, requests)
	time.Sleep(2 * time.Second) // the last completions are flushed
	return errors.Join(err, s.stop())
}

func (w *world) deliver(s *ship, requests int) error {
	for range rounds {
		w.customer.demand(requests)
		w.customer.send(s)
		for waited := time.Duration(0); waited < patience; waited += time.Second {
			if open, err := w.open(); err != nil || len(open) == 0 {
				return err
			}
			time.Sleep(time.Second)
		}
		requests = 1 // a bad record needs another that is sent after it was refused
	}
	return nil
}

// recover starts the ship that a power cut has left, has fresh requests flow
// too, and tells what is wrong in the end.
func (w *world) recover(b *blade) (out verdict) {
	defer func() { _ = w.letters.remove() }() // or with all of the test's
	w.coast.again = 0
	w.coast.setDark(false)
	if w.route.whim && w.calm {
		w.coast.bad, w.whimsical = nil, true
	}
	if err := w.arrive(b, 3); err != nil {
		return verdict{problems: []string{w.where + ": " + err.Error()}}
	}
	return w.judge()
}

// open are the records that have not come to their end.
func (w *world) open() (records []string, err error) {
	parked, err := w.letters.parked()
	if err != nil {
		return nil, err
	}
	all := slices.Concat(w.customer.promised(), strings.Fields(strings.Join(w.customer.kept(), " ")))
	return slices.DeleteFunc(all, func(r string) bool { return parked[r] > 0 || w.coast.has(r) }), nil
}

// judge compares what was promised with what became of it.
func (w *world) judge() (v verdict) {
	v.again = w.coast.again
	if w.whimsical {
		v.whims = 1
	}
	say := func(format string, args ...any) {
		v.problems = append(v.problems, w.where+": "+fmt.Sprintf(format, args...))
	}
	parked, err := w.letters.parked()
	if err != nil {
		say("dead letters: %v", err)
		return v
	}
	for _, request := range w.customer.kept() {
		say("request %q is not taken", request)
	}
	for _, record := range w.customer.promised() {
		switch taken, parked := w.coast.taken[record], parked[record]; {
		case taken+parked == 0:
			v.lost++
			say("record %s is lost", record)
		case taken == 1 && parked == 1 && w.whimsical:
			// The power was cut between the parking and the Batch that says so.
		case taken+parked > 1:
			v.doubled++
			say("record %s is %d times ashore and %d times among the dead letters", record, taken, parked)
		}
	}
	for _, key := range w.coast.changed {
		say("key %s came with other records", key)
	}
	left, err := w.left()
	if err != nil || len(left) > 0 {
		say("left behind: %v, error %v", left, err)
	}
	return v
}

// left are the keys of what is in the queue or the journal.
func (w *world) left() (keys []string, err error) {
	s, err := openStorage(w.disk.Kill(), nil) // looking changes nothing
	if err != nil {
		return nil, err
	}
	keys, err = s.left(shipID)
	return keys, errors.Join(err, s.Close())
}
