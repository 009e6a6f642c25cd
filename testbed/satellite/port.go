package satellite

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

// Port stands aboard for one server ashore. Its records are of all the
// connections that were ever made to it.
type Port struct {
	FromShip *Record // when the ship's socket gave it
	ToShip   *Record // when the ship's socket took it

	link    *Link
	address string
	target  string

	mu       sync.Mutex
	listener net.Listener // nil while down
	conns    []*crossing  // in order of their beginning
	made     int
	reset    int
}

// To opens a port for the server at target, such as "127.0.0.1:4318". It is down
// until Up: connections are refused.
func (l *Link) To(t testing.TB, target string) *Port {
	t.Helper()
	listener, err := port.Listen()
	if err != nil {
		t.Fatalf("satellite: %v", err)
	}
	p := &Port{FromShip: &Record{}, ToShip: &Record{}, link: l, address: listener.Addr().String(), target: target}
	_ = listener.Close() // it was open, so this cannot fail
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ports = append(l.ports, p)
	return p
}

// Address is where the ship connects to. It stays the same through Down and Up.
func (p *Port) Address() string { return p.address }

// Up listens. It does nothing if the port is up.
func (p *Port) Up() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.listener = listener
	p.link.running.Go(func() { p.serve(listener) })
	return nil
}

// Down resets every connection and refuses new ones, until Up.
func (p *Port) Down() {
	p.mu.Lock()
	listener := p.listener
	p.listener = nil
	p.mu.Unlock()
	if listener != nil {
		_ = listener.Close() // it was open, so this cannot fail
	}
	for _, c := range p.open() {
		c.abort()
	}
}

// Connections is how many were made so far, and how many of them the link has reset.
func (p *Port) Connections() (made, reset int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made, p.reset
}

func (p *Port) serve(listener net.Listener) {
	for {
		ship, err := listener.Accept()
		if err != nil {
			return // down
		}
		c := newCrossing(p, ship, time.Now())
		if !p.admit(c, listener) {
			c.abort()
			return
		}
		p.link.running.Go(c.run)
	}
}

// admit keeps a connection, unless the port has gone down meanwhile.
func (p *Port) admit(c *crossing, listener net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		return false
	}
	p.conns = append(p.conns, c)
	p.made++
	return true
}

func (p *Port) open() []*crossing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}

func (p *Port) forget(c *crossing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(other *crossing) bool { return other == c })
}

func (p *Port) countReset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset++
}
