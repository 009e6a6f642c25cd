package shore

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// narrow keeps the kernel from reading ahead on the connections that come from now on.
func narrow(l net.Listener) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return // it is closed: no connection will come
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, narrowBuffer)    // a listener takes both
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, narrowSegment) // and hands them on
	})
}
