package satellite

import (
	"errors"
	"io"
	"net"
	"time"
)

const (
	// portion is the most that is read at once, in bytes.
	portion = 16 << 10
	// mostInAir bounds the portions on their way. At half a megabyte per second and
	// 300 ms some dozens are.
	mostInAir = 1024
)

// load is bytes on their way, or what ends them.
type load struct {
	due  time.Time
	data []byte
	err  error // io.EOF: the sender has said its last
}

// flight carries bytes one way.
type flight struct {
	from, to net.Conn
	oneWay   time.Duration
	ready    time.Time
	closed   <-chan struct{}
	air      chan load
	gave     func(at time.Time, n int) // from has given so much; nil tells nobody
	took     func(at time.Time, n int) // to has taken so much; nil tells nobody
}

// depart reads what is there as soon as it is there.
func (f *flight) depart() {
	buffer, read := make([]byte, portion), reader(f.from)
	for {
		n, off, err := read(buffer)
		if n > 0 && f.gave != nil {
			f.gave(off, n)
		}
		if off.Before(f.ready) {
			off = f.ready
		}
		select {
		case f.air <- load{due: off.Add(f.oneWay), data: append([]byte(nil), buffer[:n]...), err: err}:
		case <-f.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

// reader reads a connection, and tells when what it gives came.
func reader(c net.Conn) func(p []byte) (n int, at time.Time, err error) {
	if read := stamped(c); read != nil {
		return func(p []byte) (int, time.Time, error) {
			n, at, err := read(p)
			if n == 0 && err == nil {
				err = io.EOF
			}
			return n, at, err
		}
	}
	return func(p []byte) (int, time.Time, error) {
		n, err := c.Read(p)
		return n, time.Now(), err
	}
}

// land writes what has arrived. An error says that the connection is broken.
func (f *flight) land() error {
	for {
		select {
		case b := <-f.air:
			if err := f.landOne(b); err != nil {
				if errors.Is(err, io.EOF) {
					return f.to.(*net.TCPConn).CloseWrite()
				}
				return err
			}
		case <-f.closed:
			return nil
		}
	}
}

func (f *flight) landOne(b load) error {
	arrival := time.NewTimer(time.Until(b.due))
	defer arrival.Stop()
	select {
	case <-arrival.C:
	case <-f.closed:
		return net.ErrClosed
	}
	if len(b.data) > 0 {
		n, err := f.to.Write(b.data)
		if n > 0 && f.took != nil {
			f.took(time.Now(), n)
		}
		if err != nil {
			return err
		}
	}
	return b.err
}
