package probe

import (
	"net"
	"sync/atomic"
)

// conn counts what moves over a connection.
type conn struct {
	net.Conn
	read, written atomic.Int64
	// abandoned: nothing moved on it, and it was given up.
	abandoned atomic.Bool
}

func watch(c net.Conn) *conn { return &conn{Conn: c} }

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// sent is what was written, less what still waits in the kernel: on a slow
// link the last megabytes of a body sit there long after they were written.
func (c *conn) sent() int64 {
	waits, _ := unsent(c.Conn)
	return c.written.Load() - waits
}

// progress is what has moved, either way.
func (c *conn) progress() int64 { return c.read.Load() + c.sent() }

// waiting: the link has not let the connection send yet. That is nobody's silence.
func (c *conn) waiting() bool {
	w, ok := c.Conn.(interface{ Waiting() bool })
	return ok && w.Waiting()
}

// unwrap finds the watched connection below TLS.
func unwrap(c net.Conn) *conn {
	for range 4 {
		switch t := c.(type) {
		case *conn:
			return t
		case interface{ NetConn() net.Conn }:
			c = t.NetConn()
		default:
			return nil
		}
	}
	return nil
}
