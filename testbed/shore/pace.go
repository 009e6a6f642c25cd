package shore

import (
	"context"
	"sync/atomic"

	"golang.org/x/time/rate"
)

const (
	// narrowBuffer is the receive buffer of a connection over a narrow link, in
	// bytes. The kernel's own would take a whole request at once.
	narrowBuffer = 16 << 10
	// narrowSegment is its largest segment, in bytes. Loopback's own 64 KiB do not
	// fit into the buffer, and what does not fit is probed for, ever more rarely.
	narrowSegment = 1400
	// maxPortion bounds what is read at once, in bytes, so that bytes come evenly.
	maxPortion = 4 << 10
)

// pace is the speed of a narrow link, shared by all connections of a shore.
type pace struct {
	limiter atomic.Pointer[rate.Limiter] // nil while the link is not narrow
}

func (p *pace) set(bytesPerSecond int) {
	if bytesPerSecond <= 0 {
		p.limiter.Store(nil)
		return
	}
	portion := max(1, min(maxPortion, bytesPerSecond/10))
	p.limiter.Store(rate.NewLimiter(rate.Limit(bytesPerSecond), portion))
}

// on reports whether the link is narrow.
func (p *pace) on() bool { return p.limiter.Load() != nil }

// portion is how many of n bytes may be read at once.
func (p *pace) portion(n int) int {
	if l := p.limiter.Load(); l != nil {
		return min(n, l.Burst())
	}
	return n
}

// wait waits until n bytes have come over the link.
func (p *pace) wait(n int) {
	if l := p.limiter.Load(); l != nil {
		_ = l.WaitN(context.Background(), min(n, l.Burst())) // no deadline and no more than the burst: it cannot fail
	}
}
