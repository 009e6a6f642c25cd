// Package wire is the connections that go over the link: each write takes its bytes from the
// pacer in small pieces, and the kernel keeps little, so that the wire follows the pacer in
// every second.
package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
)

// expressBytes at the beginning of a connection go before every backlog: a handshake and the
// first of a request. So a probe is on its way at once however much others have to send.
const expressBytes = 16 << 10

// farewellBytes is what a connection may want to say at its end (TLS: 24 bytes).
const farewellBytes = 64

// Lane is the link as one sender sees it.
type Lane interface {
	// Take waits for 1 to want bytes.
	Take(want int, express bool, until pacer.Interrupt) (int, error)
	// Return gives back what was not sent.
	Return(n int)
	// Held says that more than the rate keeps it from sending.
	Held() bool
	// Sent and Received count what moved.
	Sent(n int)
	Received(n int)
}

// Conn is a connection over the link.
type Conn struct {
	net.Conn
	lane Lane

	closed    chan struct{}
	close     func() error
	deadline  deadline
	writing   sync.Mutex // the bytes of one Write stay together
	written   int        // up to expressBytes
	waitsMu   sync.Mutex
	waits     int
	writeable func(until net.Conn) error
}

// Wrap puts a connection onto the lane.
func Wrap(c net.Conn, lane Lane) *Conn {
	w := &Conn{Conn: c, lane: lane, closed: make(chan struct{}), writeable: awaitWriteable}
	w.close = sync.OnceValue(func() error {
		close(w.closed)
		w.deadline.stop()
		return c.Close()
	})
	return w
}

// Write implements net.Conn. It waits as long as the link wants it to; Close and the write
// deadline end that.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for sent := 0; ; {
		n, err := c.writeSome(p[sent:])
		if sent += n; err != nil || sent == len(p) {
			return sent, err
		}
	}
}

func (c *Conn) writeSome(p []byte) (int, error) {
	if len(p) == 0 {
		return c.Conn.Write(p)
	}
	// Who holds a grant while the kernel takes nothing would keep it from the others, and
	// send it late, on top of what they are granted then.
	if err := c.writeable(c.Conn); err != nil {
		return 0, err
	}
	granted, err := c.take(p)
	if err != nil {
		return 0, fmt.Errorf("waiting for the link: %w", err)
	}
	n, err := c.Conn.Write(p[:granted])
	c.lane.Return(granted - n)
	c.lane.Sent(n)
	c.written = min(c.written+n, expressBytes)
	return n, err
}

func (c *Conn) take(p []byte) (int, error) {
	if len(p) <= farewellBytes && c.deadline.isSet() && c.lane.Held() {
		// A TLS connection that closes gives its last word 5 s; the window or the next
		// period will not come in that time, and whoever closes need not wait for it.
		return 0, os.ErrDeadlineExceeded
	}
	c.waiting(1)
	defer c.waiting(-1)
	want, express := len(p), c.written < expressBytes
	if express {
		want = min(want, expressBytes-c.written)
	}
	return c.lane.Take(want, express, pacer.Interrupt{Closed: c.closed, Late: c.deadline.passed()})
}

func (c *Conn) waiting(n int) {
	c.waitsMu.Lock()
	defer c.waitsMu.Unlock()
	c.waits += n
}

// Waiting says that a write waits for the link, not for the far end.
func (c *Conn) Waiting() bool {
	c.waitsMu.Lock()
	defer c.waitsMu.Unlock()
	return c.waits > 0
}

// Read implements net.Conn. What is read is counted, not paced.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.lane.Received(n)
	}
	return n, err
}

// Close implements net.Conn. It ends what waits.
func (c *Conn) Close() error { return c.close() }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	c.deadline.set(t)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.deadline.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// NetConn is the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// SyscallConn implements syscall.Conn where the connection below does.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, fmt.Errorf("%T has no file descriptor: %w", c.Conn, errors.ErrUnsupported)
}
