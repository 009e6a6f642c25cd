package main

import (
	"context"
	"fmt"
	"time"
)

// takenPatience bounds how long the ship takes for lines that are written to it already.
const takenPatience = 10 * time.Second

// pullThePlug kills the ship as a power cut would, in the middle of all that
// its clients do, and starts it again. Only syslog is held for a moment: TCP
// tells nobody which lines a dead receiver had not read, so these cannot be
// counted; what the ship has acknowledged can.
func (d *drill) pullThePlug(ctx context.Context) error {
	defer d.load.syslog.hold()()
	written := len(d.load.syslog.ids())
	end := time.Now().Add(takenPatience)
	taken := func(r reading) (bool, error) { return r.lines >= written || time.Now().After(end), nil }
	if err := d.watch(ctx, taken); err != nil {
		return err
	}
	r, err := d.sample()
	if err != nil {
		return err
	}
	d.ship.Kill()
	d.earlier = r
	d.tell.event(fmt.Sprintf("the plug is pulled: kill -9, with %s batches in the queue", count(r.depth)))
	begin := time.Now()
	if err := d.ship.Restart(); err != nil {
		return err
	}
	d.breaker = closed
	if r, err = d.sample(); err != nil {
		return err
	}
	d.tell.event(fmt.Sprintf("the ship is up again after %.1f s, with %s batches in the queue", time.Since(begin).Seconds(), count(r.depth)))
	return d.load.syslog.redial(d.ship.rfc3164, d.ship.rfc5424)
}
