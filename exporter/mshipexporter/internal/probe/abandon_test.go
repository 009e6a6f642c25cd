package probe

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// cable is a relay in front of a far end. The connections that exist when it is
// cut carry nothing any more, for ever; those made later are well.
type cable struct {
	address string
	to      string
	made    atomic.Int64
	mu      sync.Mutex
	cut     chan struct{}
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	k := &cable{address: l.Addr().String(), to: to, cut: make(chan struct{})}
	var all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			k.made.Add(1)
			_ = near.(*net.TCPConn).SetReadBuffer(64 << 10)
			all.Go(func() { k.carry(near, over) })
		}
	})
	t.Cleanup(func() {
		close(over)
		_ = l.Close()
		all.Wait()
	})
	return k
}

func (k *cable) carry(near net.Conn, over <-chan struct{}) {
	k.mu.Lock()
	cut := k.cut
	k.mu.Unlock()
	far, err := net.Dial("tcp", k.to)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	copying := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			select {
			case <-cut:
				<-over
				return
			default:
			}
			if n > 0 {
				_, _ = to.Write(buf[:n])
			}
			if err != nil {
				_ = to.(*net.TCPConn).CloseWrite()
				return
			}
		}
	}
	both.Go(func() { copying(far, near) })
	both.Go(func() { copying(near, far) })
	go func() { <-over; _ = near.Close(); _ = far.Close() }()
	both.Wait()
}

// breaks cuts what exists.
func (k *cable) breaks() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.cut)
	k.cut = make(chan struct{})
}

func unproxied(t *testing.T) {
	t.Helper()
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("https_proxy", "")
}

// Left alone, gRPC would use a dead connection again, on which the kernel tries
// ever more seldom. All that were on it have met the silence: no request is told
// that the connection broke, which would be one failure for all of them.
func TestADeadConnectionIsNotUsedAgain(t *testing.T) {
	unproxied(t)
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil }, grpc.MaxRecvMsgSize(64<<20), grpc.InitialWindowSize(16<<20), grpc.InitialConnWindowSize(16<<20))
	k := newCable(t, address)
	c := dialLogs(t, &Probe{Silence: 5 * silent, Requests: 4, Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
		near, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if err == nil {
			err = near.(*net.TCPConn).SetWriteBuffer(64 << 10)
		}
		return near, err
	}}, k.address)
	_, _, err := export(t, c, 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, k.made.Load())
	k.breaks()
	replies := make(chan delivery.Reply, 4)
	for range cap(replies) {
		go func() {
			reply, _, _ := export(t, c, 30_000) // 360 KB, and four of them are more than the kernels take
			replies <- reply
		}()
		time.Sleep(silent / 4)
	}
	for range cap(replies) {
		reply := <-replies
		assert.True(t, reply.Timeout, reply.Message)
		assert.False(t, reply.Broken)
	}
	_, _, err = export(t, c, 1)
	require.NoError(t, err)
	assert.EqualValues(t, 2, k.made.Load())
}

// Neither would gRPC give up a connection on which the far end never says a word.
func TestAConnectionWithoutAGreetingIsGivenUp(t *testing.T) {
	unproxied(t)
	var mute atomic.Bool
	mute.Store(true)
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	c := dialLogs(t, &Probe{Silence: silent, Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
		if mute.Load() {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			return near, nil
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}}, address)
	reply, _, err := export(t, c, 1)
	require.Error(t, err)
	assert.True(t, reply.Timeout)
	mute.Store(false)
	require.Eventually(t, func() bool {
		_, _, err := export(t, c, 1)
		return err == nil
	}, 10*time.Second, time.Millisecond)
}

// Where the far end has received all, the path is well: a new connection would
// cost airtime and help nobody.
func TestAFarEndThatThinksKeepsItsConnection(t *testing.T) {
	unproxied(t)
	var thinks atomic.Bool
	thinks.Store(true)
	address, _ := serve(t, "127.0.0.1:0", func(ctx context.Context) error {
		if thinks.Load() {
			<-ctx.Done()
		}
		return ctx.Err()
	})
	k := newCable(t, address)
	c := dialLogs(t, &Probe{Silence: silent}, k.address)
	reply, _, err := export(t, c, 1)
	require.Error(t, err)
	require.True(t, reply.Timeout)
	thinks.Store(false)
	_, _, err = export(t, c, 1)
	require.NoError(t, err)
	assert.EqualValues(t, 1, k.made.Load())
}
