package wire_test

import (
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/wire"
)

const patience = time.Minute

// lane counts beside a pacer's member.
type lane struct {
	*pacer.Member
	mu             sync.Mutex
	sent, received int
	granted        int // and not given back
}

// Take implements wire.Lane.
func (l *lane) Take(want int, express bool, until pacer.Interrupt) (int, error) {
	n, err := l.Member.Take(want, express, until)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted += n
	return n, err
}

// Return implements wire.Lane.
func (l *lane) Return(n int) {
	l.Member.Return(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted -= n
}

func (l *lane) Sent(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += n
}

func (l *lane) Received(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received += n
}

func (l *lane) counts() (sent, received int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, l.received
}

// connected gives the near side, over the lane, and the far side of a TCP connection.
func connected(t *testing.T, l wire.Lane) (near *wire.Conn, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	c, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	far, err = listener.Accept()
	require.NoError(t, err)
	_ = wire.Tune(c, 1<<20)
	near = wire.Wrap(c, l)
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far
}

func newLane(t *testing.T, rate int64) (*lane, *pacer.Pacer) {
	t.Helper()
	p := pacer.New(rate, 64<<10, nil)
	t.Cleanup(p.Close)
	return &lane{Member: p.Join(1, true)}, p
}

func TestWhatMovesIsCounted(t *testing.T) {
	t.Parallel()
	l, _ := newLane(t, 10<<20)
	near, far := connected(t, l)
	go func() { _, _ = near.Write(make([]byte, 100_000)) }()
	buffer := make([]byte, 1<<20)
	for read := 0; read < 100_000; {
		n, err := far.Read(buffer)
		require.NoError(t, err)
		read += n
	}
	_, err := far.Write(make([]byte, 700))
	require.NoError(t, err)
	n, err := near.Read(buffer)
	require.NoError(t, err)
	require.Eventually(t, func() bool { sent, received := l.counts(); return sent == 100_000 && received == n }, patience, time.Millisecond)
}

func TestWhatCallersLookForIsThere(t *testing.T) {
	t.Parallel()
	l, _ := newLane(t, 10<<20)
	near, _ := connected(t, l)
	assert.IsType(t, &net.TCPConn{}, near.NetConn())
	raw, err := near.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { assert.NotZero(t, fd) }))
	var _ syscall.Conn = near

	one, other := net.Pipe()
	defer func() { _ = other.Close() }()
	pipe := wire.Wrap(one, l)
	_, err = pipe.SyscallConn()
	require.ErrorContains(t, err, "no file descriptor")
	require.NoError(t, pipe.Close())
	require.NoError(t, pipe.Close(), "twice")
}

// Who writes into a connection that takes nothing keeps nothing from the others.
func TestABlockedConnectionHoldsNoGrant(t *testing.T) {
	t.Parallel()
	l, p := newLane(t, 1<<20)
	near, _ := connected(t, l)
	blocked := make(chan error, 1)
	go func() {
		_, err := near.Write(make([]byte, 64<<20)) // which nobody reads
		blocked <- err
	}()
	last := -1
	require.Eventually(t, func() bool {
		sent, _ := l.counts()
		still := sent == last
		last = sent
		return still && !near.Waiting()
	}, patience, 500*time.Millisecond)
	if runtime.GOOS == "linux" {
		l.mu.Lock()
		assert.Equal(t, l.sent, l.granted, "what was granted has been sent")
		l.mu.Unlock()
	}
	other := &lane{Member: p.Join(1, true)}
	began, got := time.Now(), 0
	for got < 1<<20 {
		n, err := other.Take(16<<10, false, pacer.Interrupt{})
		require.NoError(t, err)
		got += n
	}
	assert.Less(t, time.Since(began), 3*time.Second, "the other has everything")
	require.NoError(t, near.SetWriteDeadline(time.Now()))
	select {
	case err := <-blocked:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(patience):
		t.Fatal("the deadline did not end the write")
	}
}

// A wait sees its deadline move, also away from it.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	_, p := newLane(t, 1<<20)
	bulk := &lane{Member: p.Join(1, false)}
	p.SetOpen(false)
	near, far := connected(t, bulk)
	done := make(chan error, 1)
	require.NoError(t, near.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	go func() {
		_, err := near.Write(make([]byte, 1000))
		done <- err
	}()
	require.Eventually(t, near.Waiting, patience, time.Millisecond)
	require.NoError(t, near.SetWriteDeadline(time.Time{}))
	time.Sleep(400 * time.Millisecond)
	assert.Empty(t, done, "the deadline is gone")
	p.SetOpen(true)
	require.NoError(t, <-done)
	_, err := far.Read(make([]byte, 1000))
	require.NoError(t, err)
}

// A TLS connection that is closed while the link holds its last word does not wait 5 s.
func TestAFarewellDoesNotWait(t *testing.T) {
	t.Parallel()
	_, p := newLane(t, 1<<20)
	near, _ := connected(t, &lane{Member: p.Join(1, false)})
	p.SetOpen(false)
	began := time.Now()
	require.NoError(t, near.SetWriteDeadline(time.Now().Add(5*time.Second)))
	_, err := near.Write(make([]byte, 24))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Less(t, time.Since(began), 4*time.Second)
}
