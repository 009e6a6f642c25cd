package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

const (
	syslogFirst = 1_000_000_000                      // number of the first line; those of OTLP are below
	syslogEvery = 10 * time.Millisecond              // between two lines
	syslogHead  = "<134>"                            // local0, info
	stamp5424   = "2006-01-02T15:04:05.000000Z07:00" // no more than microseconds are allowed
)

// syslogClient writes numbered lines over TCP, by turns as RFC 3164 and as
// RFC 5424. TCP syslog knows no answer: a line is sent when it is written.
type syslogClient struct {
	// writing is locked while a line is written, and while none may be.
	writing sync.Mutex

	mu     sync.Mutex
	conns  [2]net.Conn
	closed bool
	sent   []int64
}

func dialSyslog(rfc3164, rfc5424 string) (*syslogClient, error) {
	first, err := net.Dial("tcp", rfc3164)
	if err != nil {
		return nil, fmt.Errorf("syslog: %w", err)
	}
	second, err := net.Dial("tcp", rfc5424)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("syslog: %w", err), first.Close())
	}
	return &syslogClient{conns: [2]net.Conn{first, second}}, nil
}

// run writes lines for so long, or until ctx ends, and closes the connections.
func (c *syslogClient) run(ctx context.Context, lasts time.Duration) error {
	defer c.close()
	defer context.AfterFunc(ctx, c.close)() // frees a Write that the agent holds back
	end := time.After(lasts)
	beat := time.NewTicker(syslogEvery)
	defer beat.Stop()
	for n := int64(0); ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nil
		case now := <-beat.C:
			if err := c.write(syslogFirst+n, now); err != nil {
				return fmt.Errorf("syslog: %w", err)
			}
		}
	}
}

// hold writes no more lines until release is called.
func (c *syslogClient) hold() (release func()) {
	c.writing.Lock()
	return c.writing.Unlock
}

// redial goes on with new connections.
func (c *syslogClient) redial(rfc3164, rfc5424 string) error {
	again, err := dialSyslog(rfc3164, rfc5424)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	again.conns, c.conns = c.conns, again.conns
	again.close()
	if c.closed {
		c.closeAll()
	}
	return nil
}

func (c *syslogClient) write(id int64, now time.Time) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	line := line3164(id, now)
	if id%2 == 1 {
		line = line5424(id, now)
	}
	if _, err := c.conn(int(id % 2)).Write([]byte(line)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, id)
	return nil
}

func line3164(id int64, now time.Time) string {
	return syslogHead + now.Format(time.Stamp) + " bridge-01 gmdss: watch acknowledged " + record.Text(id) + "\n"
}

func line5424(id int64, now time.Time) string {
	return syslogHead + "1 " + now.Format(stamp5424) + " engine-02 bilge 77 - - level nominal " + record.Text(id) + "\n"
}

// ids lists what was sent so far. The caller must not change it.
func (c *syslogClient) ids() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[:len(c.sent):len(c.sent)]
}

func (c *syslogClient) conn(i int) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns[i]
}

func (c *syslogClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.closeAll()
}

func (c *syslogClient) closeAll() {
	for _, conn := range c.conns {
		_ = conn.Close() // what was written is on its way; a second Close does nothing
	}
}
