package probe

import (
	"net"
)

// abandon gives up the connection, on which nothing has moved for as long as it may,
// if it is dead. Left alone it would be used again (HTTP/2, gRPC), and the kernel
// tries again on it ever more seldom, so that the next batch would wait for minutes
// after the path has healed.
func (s *silence) abandon() {
	if c := s.conn.Load(); c != nil && c.dead() {
		c.abandon()
	}
}

// dead tells of a silent connection whether the path is to blame: the far end has
// never said a word on it, or owes the receipt of what was written. Where all was
// received the path is well, and the far end thinks. Who cannot know fears the worst.
func (c *conn) dead() bool {
	waits, known := unsent(c.Conn)
	return c.read.Load() == 0 || waits > 0 || !known
}

// abandoned tells whether the attempt's connection was given up, be it by another
// attempt on it.
func (s *silence) abandoned() bool {
	c := s.conn.Load()
	return s.forsaken.Load() || c != nil && c.abandoned.Load()
}

// moves puts the attempt onto another connection.
func (s *silence) moves(to *conn) {
	if s.abandoned() {
		s.forsaken.Store(true)
	}
	s.conn.Store(to)
}

// abandon closes the connection and has the kernel forget what it holds: nobody
// waits for an answer to that any more.
func (c *conn) abandon() {
	c.abandoned.Store(true)
	if l, ok := lowest(c.Conn).(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}

// lowest is the connection below all that wraps it.
func lowest(c net.Conn) net.Conn {
	for range 4 {
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = w.NetConn()
	}
	return c
}
