package mshipexporter

import (
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/backoff"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/observe"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/yield"
)

// chain is the whole program, and the only place where its order is written.
//
// Before it stand the door, which decides what may come in, and the
// collector's sending queue, which calls the chain with one batch at a time
// for each of its consumers, and sleeps for as long as the backoff says when
// the chain returns an error. A batch leaves the queue only when the chain
// returns nil: delivered, parked, or durably at the back of the queue.
//
//	pipeline → door → sending queue → [ the layers below ] → wire
func (c *core) chain(l *lane) delivery.Sender {
	return delivery.Chain(l.sink,
		backoff.New(c.backoff()), //   every error leaves with its delay: nobody else computes one
		c.letters.Damaged,        //   bytes from the disk that cannot be read are put aside
		l.settled(),              //   delivered or parked already? not sent again
		yield.New(c.yielding(l)), //   what is refused while others are taken goes to the back; in the third round, to the dead letters
		l.hold.Layer,             //   a signal that the far end refuses altogether waits on its own
		l.halves(),               //   a refused batch is halved until the bad records stand alone; those are parked
		l.parts(),                //   parts that were accepted are not sent again
		c.pause.Layer,            //   Retry-After: the far end asked the whole sink to wait
		c.breaking(),             //   the path is down: the wire is not touched
		l.witness.Layer,          //   does the far end take others of this signal?
		c.closing.Layer,          //   shutting down: nothing new, and what is on the wire has a moment
		l.paying(),               //   the link does not see this sink: its bytes are paid before they are sent
		observe.New(c.tel.counters(&c.tally)),
	)
}
