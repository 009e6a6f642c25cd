package mshipexporter

import (
	"context"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// uplink is an extension that paces and counts what all who send over one link
// hand to the wire.
type uplink interface {
	// Dialer gives how a sink connects over the link until leave is called. The
	// weight, 1 or more, is its share beside the others'; what is not urgent may
	// have to wait for its hours.
	Dialer(sink string, weight int, urgent bool) (dial func(ctx context.Context, network, address string) (net.Conn, error), leave func())
}

// join makes the sink connect over the link, where one is set.
func (c *core) join(host component.Host) error {
	id := c.cfg.Link
	if id == nil {
		return nil
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return fmt.Errorf("link: there is no extension %q; define it under extensions and list it under service::extensions", *id)
	}
	link, ok := extension.(uplink)
	if !ok {
		return fmt.Errorf("link: extension %q is no link; name one of type mship_link", *id)
	}
	c.probe.Dial, c.leave = link.Dialer(c.label, c.cfg.LinkWeight, c.cfg.Urgent)
	return nil
}

// adviseOnLink says once for each signal where the link sees nothing.
func (l *lane) adviseOnLink() {
	if l.core.cfg.Link != nil && !l.sink.Probed() {
		l.core.logger.Warn("the link does not see what this sink sends: the sink takes no client middleware; what it sends is neither paced nor counted",
			zap.Stringer("link", *l.core.cfg.Link), zap.String("signal", string(l.signal)))
	}
}
