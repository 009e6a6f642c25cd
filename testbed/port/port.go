// Package port picks ports that stay free. The kernel gives outgoing
// connections ports of its ephemeral range (32768 and up on Linux): a server
// that goes down and comes back on a port of that range can find it taken.
//
// For the same reason a process is given each port once, until the range is
// used up: what listened on it may be down only for a while.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

const (
	lowest  = 12_000
	highest = 32_000
	tries   = 100
)

var errNone = errors.New("no free port between 12000 and 32000")

// Listen listens on a free TCP port of loopback.
func Listen() (net.Listener, error) {
	for range tries {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next())); err == nil {
			return l, nil
		}
	}
	return nil, errNone
}

// Free gives so many ports, TCP and UDP, that nobody listens on now.
func Free(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := Listen()
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // together, so that all differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// Each process counts through the range from a place of its own.
var (
	begin = rand.IntN(highest - lowest) //nolint:gosec // picks a port, guards nothing
	given atomic.Int64
)

func next() int { return lowest + (begin+int(given.Add(1)))%(highest-lowest) }
