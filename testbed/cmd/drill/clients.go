package main

import (
	"context"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
)

// clients send numbered records into a ship. All methods but stop may be called
// while they do.
type clients struct {
	ledger *load.Ledger
	syslog *syslogClient
	failed chan error // what makes the drill worthless

	cancel  context.CancelFunc
	running sync.WaitGroup
	done    chan struct{} // closed when they have sent all
}

// startClients sends OTLP (all three signals) and syslog for so long.
func startClients(ctx context.Context, s *ship, lasts time.Duration) (*clients, error) {
	syslog, err := dialSyslog(s.rfc3164, s.rfc5424)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &clients{
		ledger: load.NewLedger(), syslog: syslog,
		failed: make(chan error, 1), cancel: cancel, done: make(chan struct{}),
	}
	c.running.Go(func() {
		sender := load.NewHTTP(s.HTTPEndpoint())
		defer func() { _ = sender.Close() }() // idle connections only
		load.Run(ctx, sender, load.Plan{Duration: lasts, Rate: 200, Batch: 20}, c.ledger)
	})
	c.running.Go(func() {
		if err := syslog.run(ctx, lasts); err != nil && ctx.Err() == nil {
			c.failed <- err
		}
	})
	go func() {
		c.running.Wait()
		close(c.done)
	}()
	return c, nil
}

// sent is how many records are the agent's so far.
func (c *clients) sent() int { return c.ledger.AcknowledgedCount() + len(c.syslog.ids()) }

// otlp lists the OTLP records that the agent has acknowledged.
func (c *clients) otlp() []int64 { return c.ledger.Acknowledged() }

// finished reports whether all is sent.
func (c *clients) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop ends the clients. It may be called again.
func (c *clients) stop() {
	c.cancel()
	<-c.done
}
