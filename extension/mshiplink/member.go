package mshiplink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/wire"
)

// others is the label of those who name the link as a middleware and tell no name of their own.
const others = "other"

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer gives how a sink connects over the link. weight is 1 or more; what is not urgent waits
// for the windows. leave ends the membership, and every wait of it.
//
// A dial waits too, before it connects, while more than the rate keeps the sink from sending:
// else the far end would lose its patience with a connection on which nothing may be said.
func (l *Link) Dialer(sink string, weight int, urgent bool) (dial func(ctx context.Context, network, address string) (net.Conn, error), leave func()) {
	if l.pacer == nil {
		return func(context.Context, string, string) (net.Conn, error) { return nil, errNotStarted }, func() {}
	}
	m := l.join(sink, weight, urgent)
	return m.over((&net.Dialer{}).DialContext), m.Leave
}

// member is a sender's place on the link, with its meter.
type member struct {
	*pacer.Member
	link  *Link
	sink  string
	meter *meter
}

var _ wire.Lane = (*member)(nil)

func (l *Link) join(sink string, weight int, urgent bool) *member {
	return &member{Member: l.pacer.Join(weight, urgent), link: l, sink: sink, meter: l.meters.of(sink)}
}

// over puts what a dialer connects onto the link.
func (m *member) over(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if err := m.await(ctx); err != nil {
			return nil, err
		}
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := wire.Tune(c, int64(m.link.cfg.BytesPerSecond)); err != nil {
			m.link.once.Do(func() {
				m.link.set.Logger.Debug("this kernel cannot do all that keeps the wire even; the pacer goes on without it", zap.Error(err))
			})
		}
		return wire.Wrap(c, m), nil
	}
}

func (m *member) await(ctx context.Context) error {
	defer m.waits()()
	err := m.Await(pacer.Interrupt{Closed: ctx.Done()})
	if errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("waiting for the link: %w", context.Cause(ctx))
	}
	return err
}

func (m *member) waits() (done func()) {
	began := time.Now()
	return func() { m.meter.waited.Add(int64(time.Since(began))) }
}

// Take implements wire.Lane.
func (m *member) Take(want int, express bool, until pacer.Interrupt) (int, error) {
	defer m.waits()()
	return m.Member.Take(want, express, until)
}

// Sent implements wire.Lane.
func (m *member) Sent(n int) {
	m.paid(n)
	m.link.meters.sent(n)
}

func (m *member) paid(n int) {
	m.meter.up.Add(int64(n))
	m.link.costs.Add(m.sink, costs.Bytes{Up: int64(n)})
}

// Received implements wire.Lane.
func (m *member) Received(n int) {
	m.meter.down.Add(int64(n))
	m.link.costs.Add(m.sink, costs.Bytes{Down: int64(n)})
	if account := m.link.account; account != nil {
		account.Spend(n)
	}
}
