package wire

import (
	"errors"
	"fmt"
	"math"
	"net"

	"golang.org/x/sys/unix"
)

const (
	leastBuffer = 32 << 10
	mostBuffer  = 4 << 20
	// slack is by how much a socket may be faster than the link, so that the pacer, not the
	// kernel's coarser clock, sets the pace: 1/n.
	slack = 20
)

// Tune has the kernel follow the pacer at the link's bytes per second. All of it is best effort: the
// error says what this kernel does not have, and the connection is usable.
func Tune(c net.Conn, rate int64) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) { err = tune(int(fd), rate) }), err)
}

func tune(fd int, rate int64) error {
	// Half a second of the link: what a round trip of 600 ms keeps in flight, with the kernel's
	// own overhead. The kernel doubles it.
	buffer := min(max(rate/2, leastBuffer), mostBuffer)
	// Of that, what is not sent yet would leave in a burst when a link that hung comes back.
	unsent := min(max(rate/20, 4<<10), buffer)
	pace := min(rate+rate/slack, math.MaxUint32)
	return errors.Join(
		set("SO_SNDBUF", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, int(buffer))),
		set("TCP_NOTSENT_LOWAT", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, int(unsent))),
		set("SO_MAX_PACING_RATE", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, int(pace))),
		set("TCP_CONGESTION=bbr", unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")),
	)
}

func set(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
