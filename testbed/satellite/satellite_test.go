package satellite

import (
	"bytes"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echo is a server that sends back what comes, until it has all come.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(c, c) // it may be reset
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func up(t *testing.T, s Settings) *Port {
	t.Helper()
	target := echo(t)
	p := Start(t, s).To(t, target)
	require.NoError(t, p.Up())
	return p
}

func dial(t *testing.T, p *Port) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	return c.(*net.TCPConn)
}

// exchange sends so many bytes and reads them back, to the end of the connection.
func exchange(t *testing.T, c *net.TCPConn, n int) (took time.Duration) {
	t.Helper()
	sent := bytes.Repeat([]byte("ship and shore, "), n/16)
	begin := time.Now()
	var writing sync.WaitGroup
	writing.Go(func() {
		_, err := c.Write(sent)
		assert.NoError(t, err)
		assert.NoError(t, c.CloseWrite())
	})
	back, err := io.ReadAll(c)
	took = time.Since(begin)
	writing.Wait()
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, back), "%d bytes came back of %d", len(back), len(sent))
	return took
}

func TestBytesTakeTheirTimeAndArriveAsTheyWere(t *testing.T) {
	t.Parallel()
	const oneWay, size = 200 * time.Millisecond, 4 << 20
	const least = 4*oneWay - 5*time.Millisecond // the kernel's stamp is a little earlier than the one who waits
	p := up(t, Settings{OneWay: oneWay})
	assert.GreaterOrEqual(t, exchange(t, dial(t, p), 16), least, "a round trip to connect, and one for the echo")
	assert.Equal(t, 16, p.FromShip.Total())
	assert.Equal(t, 16, p.ToShip.Total())

	took := exchange(t, dial(t, p), size)
	assert.GreaterOrEqual(t, took, least)
	assert.Less(t, took, 20*time.Second, "what flies does not wait for what flew before to land")
	assert.Equal(t, 16+size, p.FromShip.Total())
	assert.Equal(t, 16+size, p.ToShip.Total())
	made, reset := p.Connections()
	assert.Equal(t, 2, made)
	assert.Zero(t, reset)
}

// What is noted is when the ship's bytes came, not when they land.
func TestArrivalsAreNotedAtTheShipsSide(t *testing.T) {
	t.Parallel()
	const oneWay = 300 * time.Millisecond
	p := up(t, Settings{OneWay: oneWay})
	before := time.Now()
	took := exchange(t, dial(t, p), 160)
	assert.Less(t, p.FromShip.First().Sub(before), took-2*oneWay)
	assert.GreaterOrEqual(t, p.ToShip.First().Sub(before), 4*oneWay)
}

func TestAPortThatIsDownRefuses(t *testing.T) {
	t.Parallel()
	p := up(t, Settings{OneWay: time.Minute})
	c := dial(t, p)
	_, err := c.Write([]byte("on its way"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.FromShip.Total() == 10 }, time.Minute, time.Millisecond)
	p.Down()
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = net.Dial("tcp", p.Address())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, p.Up())
	require.NoError(t, p.Up())
	dial(t, p)
}

func TestAServerThatIsDownResets(t *testing.T) {
	t.Parallel()
	p := Start(t, Settings{}).To(t, "127.0.0.1:1")
	require.NoError(t, p.Up())
	c, err := net.Dial("tcp", p.Address()) // which may hear of the reset already
	if err == nil {
		_, err = c.Read(make([]byte, 1))
		_ = c.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// Half of four connections in each second: the first after a quarter of a second, as by clockwork.
func TestAShareOfTheConnectionsIsReset(t *testing.T) {
	t.Parallel()
	p := up(t, Settings{})
	var conns []*net.TCPConn
	for range 4 {
		conns = append(conns, dial(t, p))
	}
	require.Eventually(t, func() bool { return len(p.open()) == 4 }, time.Minute, time.Millisecond)
	p.link.Resets(0.5)
	for _, c := range conns {
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	made, reset := p.Connections()
	assert.Equal(t, 4, made)
	assert.Equal(t, 4, reset)

	calm := up(t, Settings{})
	assert.Less(t, exchange(t, dial(t, calm), 1<<20), time.Minute)
	_, reset = calm.Connections()
	assert.Zero(t, reset)
}
