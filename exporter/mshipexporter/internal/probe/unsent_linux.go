package probe

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes the kernel holds that the far end has not acknowledged
// (tcp(7), SIOCOUTQ); known is false where the connection has no kernel to ask.
func unsent(c net.Conn) (bytes int64, known bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, false
	}
	_ = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			bytes, known = int64(n), true
		}
	})
	return bytes, known
}
