package satellite

import (
	"net"
	"sync"
	"time"
)

// crossing is one connection over the link: of the ship to its port, and of that
// to the target.
type crossing struct {
	port   *Port
	ship   net.Conn
	shore  net.Conn  // nil until it is connected
	ready  time.Time // when the first byte may be on its way
	once   sync.Once
	closed chan struct{}
	mu     sync.Mutex // guards shore against abort
}

func newCrossing(p *Port, ship net.Conn, accepted time.Time) *crossing {
	return &crossing{port: p, ship: ship, ready: accepted.Add(2 * p.link.settings.OneWay), closed: make(chan struct{})}
}

// run carries bytes both ways until both ends have said their last, or one breaks.
func (c *crossing) run() {
	defer c.port.forget(c)
	defer c.abort()
	shore, err := net.Dial("tcp", c.port.target)
	if err != nil || !c.connected(shore) {
		return
	}
	oneWay := c.port.link.settings.OneWay
	var both sync.WaitGroup
	for _, f := range []*flight{
		{from: c.ship, to: shore, gave: c.port.FromShip.note},
		{from: shore, to: c.ship, took: c.port.ToShip.note},
	} {
		f.oneWay, f.ready, f.closed, f.air = oneWay, c.ready, c.closed, make(chan load, mostInAir)
		both.Go(func() { f.depart() })
		both.Go(func() {
			if f.land() != nil {
				c.abort()
			}
		})
	}
	both.Wait()
	_, _ = shore.Close(), c.ship.Close() // both have said their last: abort finds nothing left to reset
}

func (c *crossing) connected(shore net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		_ = shore.Close() // nothing was sent
		return false
	default:
		c.shore = shore
		return true
	}
}

// breakOff resets the connection as a bad link does.
func (c *crossing) breakOff() {
	c.port.countReset()
	c.abort()
}

// abort closes both sides with a reset: what has not landed is gone.
func (c *crossing) abort() {
	c.once.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.closed)
		for _, side := range []net.Conn{c.ship, c.shore} {
			if tcp, ok := side.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // fails only on a closed connection, and so does Close
				_ = tcp.Close()
			}
		}
	})
}
