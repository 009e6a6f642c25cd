package mshipexporter

import (
	"context"
	"fmt"
	"net"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/toll"
)

// uplink is an extension that paces and counts what all who send over one link
// hand to the wire.
type uplink interface {
	// Dialer gives how a sink connects over the link until leave is called. The
	// weight, 1 or more, is its share beside the others'; what is not urgent may
	// have to wait for its hours.
	Dialer(sink string, weight int, urgent bool) (dial func(ctx context.Context, network, address string) (net.Conn, error), leave func())
	// Toll is for a sink that connects by itself, and as Dialer: pay waits until the link has granted so many
	// bytes, and done says whether they were sent. What is express goes before what is not.
	Toll(sink string, weight int, urgent bool) (pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error), leave func())
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
	dial, hangUp := link.Dialer(c.label, c.cfg.LinkWeight, c.cfg.Urgent)
	pay, leave := link.Toll(c.label, c.cfg.LinkWeight, c.cfg.Urgent)
	c.probe.Dial, c.toll = dial, c.booth(pay)
	c.leave = func() { leave(); hangUp() }
	return nil
}

func (c *core) booth(pay toll.Pay) *toll.Booth {
	return toll.New(pay, toll.Path{
		Open:     func() bool { return c.state() == breaker.Open },
		HalfOpen: func() bool { return c.state() == breaker.HalfOpen },
	})
}

// paying: where the link does not see the sink's connections, each batch pays by its size.
func (l *lane) paying() delivery.Layer {
	if l.core.cfg.Link == nil || l.sink.Probed() {
		return passed
	}
	l.core.adviseOnLink()
	return l.core.toll.Layer
}

// adviseOnLink says, once for all signals, that the link does not see what the sink sends.
func (c *core) adviseOnLink() {
	c.advised.Do(func() {
		c.logger.Warn("the link does not see what this sink sends, because the sink takes no client middleware: each batch is paced and counted by its size as OTLP before it is sent, without headers, TLS and handshakes", zap.Stringer("link", *c.cfg.Link))
	})
}
