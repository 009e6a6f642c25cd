//go:build !linux

package probe

import "net"

// unsent is unknown here: what was written counts as moved.
func unsent(net.Conn) int64 { return 0 }
