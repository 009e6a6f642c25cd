// Package port picks ports that stay free. The kernel gives outgoing
// connections ports of its ephemeral range (32768 and up on Linux): a server
// that goes down and comes back on a port of that range can find it taken.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
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
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", random())); err == nil {
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

func random() int { return lowest + rand.IntN(highest-lowest) } //nolint:gosec // picks a port, guards nothing
