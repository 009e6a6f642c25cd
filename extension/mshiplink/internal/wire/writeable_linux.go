package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitWriteable waits until the kernel takes bytes again; Close and the write deadline end that.
func awaitWriteable(c net.Conn) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(func(fd uintptr) bool {
		// poll(2) also has the kernel tell the runtime when there is room.
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(ready, 0)
		return err != nil || n > 0
	})
}
