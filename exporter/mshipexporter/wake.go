package mshipexporter

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/waker"
)

// newBreaker gives the breaker and who wakes it; nil where they are off.
func (c *core) newBreaker() (*breaker.Breaker, *waker.Waker) {
	cfg := c.cfg.CircuitBreaker
	if !cfg.Enabled {
		return nil, nil
	}
	s := breaker.Settings{Threshold: cfg.FailureThreshold, OpenFor: cfg.OpenDuration, HalfOpenMax: cfg.HalfOpenMaxInflight, OnChange: c.breakerChanged}
	if cfg.WakeInterval == 0 {
		return breaker.New(s), nil
	}
	s.MayWake = c.probe.Reachable
	return breaker.New(s), waker.New(waker.Settings{
		Interval: cfg.WakeInterval, Known: c.probe.Reachable, Connect: c.probe.Reach,
		Resting: func() bool { return c.breaker.Rest() > 0 }, OnKnock: c.knocked, OnUnknown: c.unreachable,
	})
}

// watch has the waker, where there is one, knock until ctx is done.
func (c *core) watch(ctx context.Context) {
	if c.waker != nil {
		c.tending.Go(func() { c.waker.Run(ctx) })
	}
}

// knocked tells the breaker how a connect ended. Of an outage it logs the first wake only.
func (c *core) knocked(err error) {
	outcome := "connected"
	if err != nil {
		outcome = "failed"
		c.logger.Debug("the far end cannot be reached yet", zap.Error(err))
	}
	c.tel.SinkWakeTotal.Add(context.Background(), 1, c.tel.with(attribute.String("outcome", outcome)))
	left := c.rest()
	switch {
	case !c.breaker.Knocked(err == nil):
	case c.woken.CompareAndSwap(false, true):
		c.logger.Info("a connect to the far end succeeds, so the circuit breaker's rest ends early", zap.Duration("rest_left", left))
	default:
		c.logger.Debug("a connect to the far end succeeds again", zap.Duration("rest_left", left))
	}
}

func (c *core) unreachable() {
	c.logger.Info("the circuit breaker rests for the whole open_duration: this sink tells no address to connect to (it takes no client middleware, or goes through a proxy)")
}
