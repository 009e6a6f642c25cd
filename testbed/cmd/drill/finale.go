package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// drain ends the last phase when all that was sent is ashore, or patience ends.
func (d *drill) drain(ctx context.Context) error {
	d.tell.event("the clients stop; what is on its way has " + d.script.patience.String() + " to come ashore")
	end := time.Now().Add(d.script.patience)
	return d.watch(ctx, func(r reading) (bool, error) {
		ashore, err := d.shore.ask(order{}) // after the page was read, so it can only know of more
		if err != nil {
			return false, err
		}
		again, err := d.sample()
		if err != nil {
			return false, err
		}
		complete := d.load.finished() && r.depth == 0 &&
			ashore.Numbered >= d.load.sent() && ashore.Unnumbered >= r.points &&
			again.points == r.points // else it took in more while we asked ashore
		if complete || time.Now().After(end) {
			d.border(r, ashore)
			return true, nil
		}
		return false, nil
	})
}

// balance stops the agents and compares what was sent with what is ashore. The
// host metrics are as the last border has them: the agent may have taken in
// more of them since.
func (d *drill) balance() ([]source, error) {
	d.load.stop()
	if exit := d.ship.Stop(); exit.Code != 0 || exit.Forced {
		return nil, fmt.Errorf("the agent did not end as it should: %s", exit)
	}
	if exit := d.gateway.Stop(); exit.Code != 0 || exit.Forced {
		return nil, fmt.Errorf("the gateway did not end as it should: %s", exit)
	}
	ashore, err := d.shore.ask(order{Counts: true})
	if err != nil {
		return nil, err
	}
	parked, err := parkedIn(d.ship.DeadLetterDir(), d.gateway.DeadLetterDir())
	if err != nil {
		return nil, err
	}
	if n := len(d.load.ledger.Dropped()); n > 0 {
		return nil, fmt.Errorf("the agent refused %d OTLP records for good, where a client may not try again", n)
	}
	points := 0
	for _, id := range parked {
		if id == record.Unnumbered {
			points++
		}
	}
	return []source{
		numbered("OTLP: log records, data points, spans", d.load.otlp(), ashore.Counts, parked, 0, syslogFirst),
		numbered("syslog over TCP: lines", d.load.syslog.ids(), ashore.Counts, parked, syslogFirst, math.MaxInt64),
		unnumbered("host metrics: data points", d.last.points, d.last.ashore.Unnumbered, points),
	}, nil
}

// parkedIn lists the numbers of the records in the dead letters.
func parkedIn(dirs ...string) (ids []int64, err error) {
	for _, dir := range dirs {
		entries, err := tally.ReadDeadLetters(dir)
		if err != nil {
			return nil, err
		}
		ids = append(ids, tally.ParkedIDs(entries)...)
	}
	return ids, nil
}
