package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// connect makes a connection with dial. It waits for the link as long as that takes,
// and counts itself among the held meanwhile; the far end then has as long to answer
// as it may be silent. Left alone a dial goes on for minutes, though the attempt is
// over, and asks ever more seldom; gRPC makes no other one all the while.
func (p *Probe) connect(ctx context.Context, dial dialFunc, network, address string, held *atomic.Int64) (net.Conn, error) {
	p.reach.dials(dial, network, address)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var limit *time.Timer
	held.Add(1)
	letGo := sync.OnceFunc(func() {
		held.Add(-1)
		limit = time.AfterFunc(p.Silence, func() { cancel(errSilent) })
	})
	if p.Dial == nil {
		letGo()
	}
	c, err := dial(httptrace.WithClientTrace(ctx, pastTheLink(letGo)), network, address)
	letGo()
	limit.Stop()
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		err = fmt.Errorf("%w: no connection within %s", errSilent, p.Silence)
	}
	return c, err
}

// pastTheLink hears when a dial goes to the network: the link waits before it lets
// the system's dialer begin.
func pastTheLink(letGo func()) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { letGo() },
		ConnectStart: func(string, string) { letGo() },
	}
}
