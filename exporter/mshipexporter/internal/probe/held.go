package probe

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// connect makes a connection. It waits for the link as long as that takes; the far
// end then has as long to answer as it may be silent. Left alone, a dial goes on for
// minutes and asks ever more seldom, and gRPC makes no other one meanwhile.
func (d *dials) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dial := d.probe.dialer()
	d.probe.reach.dials(dial, network, address)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var limit *time.Timer
	d.held.Add(1)
	letGo := sync.OnceFunc(func() {
		d.held.Add(-1)
		limit = time.AfterFunc(d.limit, func() { cancel(errSilent) })
	})
	if d.probe.Dial == nil {
		letGo()
	}
	c, err := dial(httptrace.WithClientTrace(ctx, pastTheLink(letGo)), network, address)
	letGo()
	limit.Stop()
	if err != nil && context.Cause(ctx) == errSilent { //nolint:errorlint // the very one
		err = fmt.Errorf("%w: no connection within %s", errSilent, d.limit)
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
