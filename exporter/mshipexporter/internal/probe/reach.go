package probe

import (
	"context"
	"errors"
	"net"
	"sync"
)

var errNowhere = errors.New("nothing was dialled yet")

// reach is where the sink connects to. It learns that from the dials, so it is
// the truth whatever the settings say.
type reach struct {
	mu   sync.Mutex
	last func(ctx context.Context) (net.Conn, error)
	// proxied: requests go through a proxy, and a connect to that proves nothing.
	proxied bool
}

// dials is told of every dial, before it is made.
func (r *reach) dials(dial dialFunc, network, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = func(ctx context.Context) (net.Conn, error) { return dial(ctx, network, address) }
}

// through is told that requests go through a proxy.
func (r *reach) through() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proxied = true
}

func (r *reach) again() (dial func(ctx context.Context) (net.Conn, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proxied {
		return nil
	}
	return r.last
}

// Reachable tells whether the far end's address is known: the sink has dialled,
// and not a proxy. Of several addresses the one that was dialled last counts.
func (p *Probe) Reachable() bool { return p.reach.again() != nil }

// Reach connects to the far end as the sink does, without TLS, and closes the connection at once.
func (p *Probe) Reach(ctx context.Context) error {
	dial := p.reach.again()
	if dial == nil {
		return errNowhere
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	_ = c.Close() // nothing was said on it
	return nil
}
