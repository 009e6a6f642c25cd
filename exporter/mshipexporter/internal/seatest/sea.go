// Package seatest is a satellite link in memory and an OTLP far end behind it, for
// tests in virtual time (testing/synctest): it has a round trip, it can be cut, and
// it counts what is handed to it.
package seatest

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
)

// givenUp is when a kernel gives up a handshake.
const givenUp = 127 * time.Second

// synAfter is when a kernel sends the first packet of a handshake again, after the begin (Linux).
var synAfter = []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second, 63 * time.Second}

// Sea is an uplink extension of which the dialer connects to the far end,
// whatever the address. It is safe for concurrent use.
//
// What is on a connection when the sea is cut, or is sent on it later, is lost,
// and the connection is dead for ever: a kernel would try again on it ever more
// seldom.
type Sea struct {
	component.StartFunc
	component.ShutdownFunc

	// RoundTrip of the link.
	RoundTrip time.Duration
	// Pretends: while it is cut the modem answers every handshake by itself.
	Pretends bool

	accepted chan net.Conn
	closed   chan struct{}
	carriers sync.WaitGroup

	mu       sync.Mutex
	down     bool
	cuts     int
	sent     int64
	connects int
	made     []net.Conn
}

// New makes a sea that carries.
func New(roundTrip time.Duration) *Sea {
	return &Sea{RoundTrip: roundTrip, accepted: make(chan net.Conn, 100), closed: make(chan struct{})}
}

// Cut the link.
func (s *Sea) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	s.cuts++
}

// Heal the link.
func (s *Sea) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
}

// Break ends all connections there are; the next ones are well.
func (s *Sea) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.made {
		_ = c.Close()
	}
	s.made = nil
}

// Sent is how many bytes the ship has handed to the link.
func (s *Sea) Sent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Connects is how many connections were tried.
func (s *Sea) Connects() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connects
}

// Dialer is how an exporter finds the link.
func (s *Sea) Dialer(string, int, bool) (dial func(ctx context.Context, network, address string) (net.Conn, error), leave func()) {
	return s.dial, func() {}
}

// Toll is not for sinks whose connections are seen: it is free.
func (s *Sea) Toll(string, int, bool) (pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error), leave func()) {
	return func(context.Context, int, bool) (func(bool), error) { return func(bool) {}, nil }, func() {}
}

// dial tries as a kernel does, for as long as ctx lets it.
func (s *Sea) dial(ctx context.Context, _, address string) (net.Conn, error) {
	s.mu.Lock()
	s.connects++
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, givenUp)
	defer cancel()
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart("tcp", address) // as the system's dialer does
	}
	began := time.Now()
	for _, after := range synAfter {
		if !sleep(ctx, time.Until(began.Add(after))) {
			break
		}
		if up, cuts := s.state(); up || s.Pretends {
			if !up {
				cuts = -1 // nothing will ever come through
			}
			if !sleep(ctx, s.RoundTrip) {
				break
			}
			return s.connect(cuts), nil
		}
	}
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: addr(address), Err: context.Cause(ctx)}
}

func (s *Sea) state() (up bool, cuts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.down, s.cuts
}

// connect makes a connection of the link as it was after so many cuts.
func (s *Sea) connect(cuts int) net.Conn {
	ship, out := net.Pipe()
	in, shore := net.Pipe()
	alive := func() bool { up, now := s.state(); return up && now == cuts }
	s.mu.Lock()
	s.made = append(s.made, out)
	s.mu.Unlock()
	s.carriers.Go(func() { s.carry(in, out, alive, s.count) })
	s.carriers.Go(func() { s.carry(out, in, alive, func(int) {}) })
	if cuts >= 0 {
		s.accepted <- shore
	}
	return ship
}

func (s *Sea) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += int64(n)
}

type packet struct {
	due  time.Time
	data []byte
}

// carry takes what is written at one end to the other, half a round trip later.
func (s *Sea) carry(to, from net.Conn, alive func() bool, count func(int)) {
	under := make(chan packet, 10_000)
	s.carriers.Go(func() {
		defer func() { _ = to.Close() }()
		for p := range under {
			time.Sleep(time.Until(p.due))
			if alive() {
				_, _ = to.Write(p.data)
			}
		}
	})
	defer close(under)
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if err != nil {
			_ = from.Close()
			return
		}
		count(n)
		under <- packet{time.Now().Add(s.RoundTrip / 2), buf[:n]}
	}
}

// sleep tells whether ctx lasted so long.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

type addr string

// Network implements net.Addr.
func (addr) Network() string { return "tcp" }

// String implements net.Addr.
func (a addr) String() string { return string(a) }
