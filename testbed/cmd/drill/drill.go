package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// sampleEvery is how often the agent's metrics page is read.
const sampleEvery = 200 * time.Millisecond

var errInterrupted = errors.New("interrupted, so nothing can be said about loss")

// drill is one performance of a script. One goroutine uses it.
type drill struct {
	script  script
	tell    *narrator
	shore   *shoreProcess
	gateway *agent.Agent
	ship    *ship
	load    *clients

	logMark  int          // the agent's log is told up to here
	breaker  breakerState // the last one told
	nextLine time.Time
	maxDepth int // of this phase
	last     snapshot
	earlier  reading // the counts of the lives that ended with the plug
	rows     []row
}

// perform plays a script and writes to out what happens. The error says what
// was lost or doubled, or why that cannot be said. Nothing of it runs on after
// it returns. The agents' files lie in a new folder in tmp, which stays only if
// there is something to be looked up in them.
func perform(ctx context.Context, s script, tmp string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(tmp, "mship-drill-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil || errors.Is(err, errInterrupted) {
			err = errors.Join(err, os.RemoveAll(dir))
			return
		}
		err = fmt.Errorf("%w\nthe agents' logs, queues and dead letters are in %s", err, dir)
	}()
	d := &drill{script: s, tell: &narrator{out: out}}
	if d.shore, err = startShore(); err != nil {
		return err
	}
	defer d.shore.stop()
	if d.gateway, err = startGateway(dir, d.shore.first.Endpoint); err != nil {
		return err
	}
	defer d.gateway.Kill()
	opened, err := d.shore.ask(order{Gateway: d.gateway.HTTPEndpoint()})
	if err != nil {
		return err
	}
	if d.ship, err = startShip(dir, opened.Link, s); err != nil {
		return err
	}
	defer d.ship.Kill() // does nothing if it was stopped
	if d.load, err = startClients(ctx, d.ship, s.duration()); err != nil {
		return err
	}
	defer d.load.stop()
	return d.run(ctx, out)
}

// run plays all phases, waits for what is still on its way, and judges.
func (d *drill) run(ctx context.Context, out io.Writer) error {
	d.introduce(out)
	for i, p := range d.script.phases {
		if err := d.play(ctx, i, p); err != nil {
			return err
		}
	}
	if err := d.drain(ctx); err != nil {
		return err
	}
	sources, err := d.balance()
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	writePhases(out, d.rows)
	fmt.Fprintln(out)
	writeTotals(out, sources)
	if err := verdict(sources); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nNothing was lost, and nothing came twice.")
	return nil
}

func (d *drill) introduce(out io.Writer) {
	fmt.Fprintf(out, "A ship, a shore and a link that breaks, for about %.0f s, all of it on loopback.\n\n", d.script.duration().Seconds())
	fmt.Fprintf(out, "  ship     process %-7d %s\n", d.ship.PID(), "host metrics, syslog over TCP (RFC 3164, RFC 5424), OTLP/HTTP")
	fmt.Fprintf(out, "  gateway  process %-7d %s\n", d.gateway.PID(), "ashore: takes each batch once, and hands it on")
	fmt.Fprintf(out, "  shore    process %-7d %s\n", d.shore.pid(), "the link between the two, and the back end that counts")
	fmt.Fprintf(out, "  the breaker opens after 5 failures in a row and rests %s; a far end may be silent for %s\n\n", d.script.openFor, d.script.timeout)
	d.tell.start = time.Now()
	d.last = snapshot{at: d.tell.start}
	d.nextLine = d.tell.start.Add(d.script.tells)
	d.tell.heading()
}

// play plays one phase. The change of the link ends the one before.
func (d *drill) play(ctx context.Context, i int, p phase) error {
	ashore, err := d.shore.ask(order{Fault: p.fault})
	if err != nil {
		return err
	}
	if i > 0 {
		r, err := d.sample()
		if err != nil {
			return err
		}
		d.border(r, ashore)
	}
	d.tell.phase(i+1, len(d.script.phases), p)
	d.rows = append(d.rows, row{link: p.link})
	end := time.Now().Add(p.lasts)
	if p.plug {
		if err := d.until(ctx, time.Now().Add(p.lasts/2)); err != nil {
			return err
		}
		if err := d.pullThePlug(ctx); err != nil {
			return err
		}
	}
	return d.until(ctx, end)
}

func (d *drill) until(ctx context.Context, end time.Time) error {
	return d.watch(ctx, func(reading) (bool, error) { return !time.Now().Before(end), nil })
}

// watch samples and tells until done says so, or something has died.
func (d *drill) watch(ctx context.Context, done func(reading) (bool, error)) error {
	beat := time.NewTicker(sampleEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return errInterrupted
		case err := <-d.load.failed:
			return err
		case <-beat.C:
		}
		if !d.gateway.Running() {
			return fmt.Errorf("the gateway died\n%s", d.gateway.Log().Tail(20))
		}
		r, err := d.sample()
		if err != nil {
			return err
		}
		d.told(r)
		if enough, err := done(r); enough || err != nil {
			return err
		}
	}
}

// sample reads the metrics page. Its counts are of all the ship's lives.
func (d *drill) sample() (reading, error) {
	page, err := d.ship.Scrape()
	if err != nil {
		return reading{}, fmt.Errorf("the agent died or is not itself: %w\n%s", err, d.ship.Log().Tail(20))
	}
	r, err := read(page)
	r = r.after(d.earlier)
	d.maxDepth = max(d.maxDepth, r.depth)
	return r, err
}

// told tells what is new in a reading, and once in a while how things stand.
func (d *drill) told(r reading) {
	mark := d.ship.Log().Len()
	if openings := d.ship.Log().Since(d.logMark, "the circuit breaker is open"); len(openings) > 0 {
		// The log misses none, however short; a sample of the page can.
		d.tell.event(change(closed, open, why(openings)))
		d.breaker, d.logMark = open, mark
	} else if r.breaker != d.breaker && (d.breaker != closed || r.breaker == halfOpen) {
		d.tell.event(change(d.breaker, r.breaker, ""))
		d.breaker = r.breaker
	}
	if !time.Now().Before(d.nextLine) {
		d.tell.line(r, d.load.sent()+r.points)
		d.nextLine = d.nextLine.Add(d.script.tells)
	}
}

// change says in words what a change of the breaker means.
func change(from, to breakerState, reason string) string {
	switch {
	case to == open && from == closed && reason != "":
		return "the breaker opens: " + reason
	case to == open && from == closed:
		return "the breaker opens: the link is left alone"
	case to == open:
		return "the probe failed: the breaker is open again"
	case to == halfOpen:
		return "the breaker is half-open: one probe at a time"
	}
	return "the breaker closes: all that waited goes at once"
}
