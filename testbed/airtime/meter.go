package airtime

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

// meter hands connections on to a far end, and counts what passes.
type meter struct {
	listener    net.Listener
	far         string
	up, down    atomic.Int64
	connections atomic.Int64
	all         sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func newMeter(endpoint string) (*meter, error) {
	far, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	l, err := port.Listen()
	if err != nil {
		return nil, err
	}
	m := &meter{listener: l, far: far.Host}
	m.all.Go(m.accept)
	return m, nil
}

func (m *meter) endpoint() string { return "http://" + m.listener.Addr().String() }

func (m *meter) read() (up, down int64, connections int) {
	return m.up.Load(), m.down.Load(), int(m.connections.Load())
}

func (m *meter) accept() {
	for {
		near, err := m.listener.Accept()
		if err != nil {
			return // closed
		}
		m.connections.Add(1)
		far, err := net.Dial("tcp", m.far)
		if err != nil || !m.keep(near, far) {
			_ = near.Close() // the client sees that nobody is there
			continue
		}
		m.all.Go(func() { pass(near, far, &m.up) })
		m.all.Go(func() { pass(far, near, &m.down) })
	}
}

// keep the connections to close them at the end; false if that has come.
func (m *meter) keep(conns ...net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns = append(m.conns, conns...)
	return !m.closed
}

// pass hands on until one side ends.
func pass(from, to net.Conn, count *atomic.Int64) {
	defer func() { _, _ = from.Close(), to.Close() }() // the other direction ends with it
	_, _ = io.Copy(to, io.TeeReader(from, counter{count}))
}

type counter struct{ bytes *atomic.Int64 }

// Write counts.
func (c counter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

func (m *meter) close() {
	_ = m.listener.Close()
	m.mu.Lock()
	m.closed = true
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.all.Wait()
}
