package shore

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

const (
	loopback     = "127.0.0.1"
	portPatience = 5 * time.Second       // how long Up waits for a borrowed port
	hangupPoll   = 10 * time.Millisecond // how often a swallowed connection looks for its client
)

// hole is the switch of the black hole, shared by all connections of a shore.
type hole struct {
	gone atomic.Pointer[chan struct{}] // nil while there is no hole; closed when it ends
}

func (h *hole) open() {
	ch := make(chan struct{})
	h.gone.CompareAndSwap(nil, &ch)
}

func (h *hole) close() {
	if ch := h.gone.Swap(nil); ch != nil {
		close(*ch)
	}
}

// listener hands out connections that can be swallowed and reset.
type listener struct {
	net.Listener
	hole     *hole
	pace     *pace
	book     *book
	protocol Protocol

	mu      sync.Mutex
	conns   map[*conn]struct{}
	stopped bool // no connection is handed out any more
}

// listen opens *port on loopback, or any port if it is 0, and stores its number.
func (s *Shore) listen(port *int, protocol Protocol) (*listener, error) {
	address := net.JoinHostPort(loopback, strconv.Itoa(*port))
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	inner, err := listenPatiently(ctx, address)
	if err != nil {
		return nil, err
	}
	*port = inner.Addr().(*net.TCPAddr).Port
	if s.pace.on() {
		narrow(inner)
	}
	return &listener{Listener: inner, hole: s.hole, pace: s.pace, book: s.book, protocol: protocol, conns: map[*conn]struct{}{}}, nil
}

// listen picks a port where the address leaves it open.
func listen(address string) (net.Listener, error) {
	if strings.HasSuffix(address, ":0") {
		return port.Listen()
	}
	return net.Listen("tcp", address)
}

// listenPatiently tries until the address is free or ctx ends.
func listenPatiently(ctx context.Context, address string) (net.Listener, error) {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		l, err := listen(address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, listener: l, closed: make(chan struct{})}
	if !l.admit(c) {
		c.abort()
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *listener) admit(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.conns[c] = struct{}{}
	}
	return !l.stopped
}

// shut closes the port and resets every connection.
func (l *listener) shut() {
	_ = l.Listener.Close() // it was open, so this cannot fail
	l.mu.Lock()
	l.stopped = true
	var open []*conn
	for c := range l.conns {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.abort()
	}
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// conn is one connection of a client.
type conn struct {
	net.Conn
	listener *listener
	serving  atomic.Int32 // requests of this connection that are in the book
	once     sync.Once
	closed   chan struct{}
}

// address lets a gRPC handler find the connection its peer came by.
type address struct {
	net.Addr
	conn *conn
}

// RemoteAddr is the client's address; it knows its connection.
func (c *conn) RemoteAddr() net.Addr { return address{c.Conn.RemoteAddr(), c} }

// Read reads, unless there is a black hole: then what came is swallowed.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:c.listener.pace.portion(len(p))])
	if n == 0 {
		return n, err
	}
	c.listener.pace.wait(n)
	if gone := c.listener.hole.gone.Load(); gone != nil {
		c.swallow(*gone)
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// swallow keeps the connection open and unread until the client goes away, the
// hole ends or the shore goes down, and then resets it.
func (c *conn) swallow(gone <-chan struct{}) {
	defer c.abort()
	if c.serving.Load() == 0 {
		e := c.listener.book.arrive(Request{Protocol: c.listener.protocol})
		defer c.listener.book.finish(e, Swallowed)
	}
	poll := time.NewTicker(hangupPoll)
	defer poll.Stop()
	for {
		select {
		case <-gone:
			return
		case <-c.closed:
			return
		case <-poll.C:
			if hungUp(c.Conn) {
				return
			}
		}
	}
}

// abort closes the connection with a reset, so that unsent data is dropped.
func (c *conn) abort() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a closed connection
	}
	_ = c.Close()
}

// Close closes the connection.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.listener.forget(c)
	})
	return c.Conn.Close()
}
