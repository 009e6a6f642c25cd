//go:build !linux

package wire

import "net"

const smallBuffer = 64 << 10

// awaitWriteable knows nothing here: a grant may be held while the kernel takes nothing.
func awaitWriteable(net.Conn) error { return nil }

// Tune keeps the kernel's send buffer small; there is no more to be had here.
func Tune(c net.Conn, rate int64) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	return tcp.SetWriteBuffer(int(min(max(rate/2, smallBuffer), 4<<20)))
}
