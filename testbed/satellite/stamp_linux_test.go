package satellite

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reader that is late is told when the bytes came, not when it looked.
func TestTheKernelTellsWhenBytesCame(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	ship, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = ship.Close() }()
	shore, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = shore.Close() }()
	read := reader(shore)
	<-time.After(50 * time.Millisecond) // the kernel begins to stamp a little later

	_, err = ship.Write([]byte("early"))
	require.NoError(t, err)
	sent := time.Now()
	<-time.After(200 * time.Millisecond)
	buffer := make([]byte, 64)
	n, at, err := read(buffer)
	looked := time.Now()
	require.NoError(t, err)
	assert.Equal(t, "early", string(buffer[:n]))
	assert.Greater(t, looked.Sub(at), 150*time.Millisecond)
	assert.Less(t, at.Sub(sent), 150*time.Millisecond)

	require.NoError(t, ship.(*net.TCPConn).SetLinger(0))
	require.NoError(t, ship.Close())
	n, _, err = read(buffer)
	assert.Zero(t, n)
	assert.Error(t, err, "a reset")
}
