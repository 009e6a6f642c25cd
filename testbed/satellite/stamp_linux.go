package satellite

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stamped has the kernel tell when bytes came: a machine that is busy looks at
// them later, and then at all of them at once. Nil is for a connection that cannot.
func stamped(c net.Conn) func(p []byte) (n int, at time.Time, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); e != nil || err != nil {
		return nil
	}
	control := make([]byte, unix.CmsgSpace(16))
	return func(p []byte) (n int, at time.Time, err error) {
		var told int
		e := raw.Read(func(fd uintptr) bool {
			n, told, _, _, err = unix.Recvmsg(int(fd), p, control, 0)
			return err != unix.EAGAIN && err != unix.EINTR
		})
		if e != nil {
			return 0, time.Now(), e
		}
		return max(n, 0), stampIn(control[:max(told, 0)]), err
	}
}

// stampIn reads a struct timespec; now, where there is none.
func stampIn(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			sec, nsec := binary.NativeEndian.Uint64(m.Data), binary.NativeEndian.Uint64(m.Data[8:])
			return time.Unix(int64(sec), int64(nsec))
		}
	}
	return time.Now()
}
