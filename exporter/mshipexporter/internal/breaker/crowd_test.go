package breaker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

// crowd is many who send through one breaker until each is delivered, asking
// again when the breaker says, and a link that goes up and down.
type crowd struct {
	breaker *breaker.Breaker
	sink    *deliverytest.Sender

	mu       sync.Mutex
	up       bool
	worst    int
	requests []time.Time
}

const (
	silence   = 5 * time.Second
	roundTrip = 600 * time.Millisecond
)

func (c *crowd) answer(ctx context.Context, _ int, _ delivery.Batch) error {
	inFlight := c.sink.InFlight()
	c.mu.Lock()
	if c.breaker.State() != breaker.Closed {
		c.worst = max(c.worst, inFlight)
	}
	c.requests = append(c.requests, time.Now())
	up := c.up
	c.mu.Unlock()
	if up {
		time.Sleep(roundTrip)
		return nil
	}
	select {
	case <-ctx.Done():
	case <-time.After(silence):
	}
	return deliverytest.Broken()
}

func (c *crowd) deliver(ctx context.Context, n int) {
	layer, b := c.breaker.Layer(c.sink), deliverytest.Batch(n, 1)
	for {
		_, err := layer.Send(ctx, b)
		if err == nil {
			return
		}
		time.Sleep(max(delivery.AsFailure(err).Wait, time.Millisecond))
	}
}

func (c *crowd) since(begin time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.requests {
		if at.After(begin) {
			n++
		}
	}
	return n
}

func TestManyThroughAnOutage(t *testing.T) {
	for _, most := range []uint32{1, 2, 3, 7} {
		synctest.Test(t, func(t *testing.T) {
			c := &crowd{breaker: breaker.New(breaker.Settings{Threshold: 5, OpenFor: openFor, HalfOpenMax: most})}
			c.sink = deliverytest.NewSender(c.answer)
			var all sync.WaitGroup
			for i := range 30 {
				all.Go(func() { c.deliver(t.Context(), i) })
			}
			time.Sleep(silence + time.Second) // the first of all fell silent together
			require.Equal(t, breaker.Open, c.breaker.State())
			opened := time.Now()

			const outage = time.Hour
			time.Sleep(outage)
			rounds := int(outage / (openFor + silence))
			assert.LessOrEqual(t, c.since(opened), rounds+1, "one lone probe is all that a rest costs")
			assert.GreaterOrEqual(t, c.since(opened), rounds-1, "and there is one after each")

			c.mu.Lock()
			c.up = true
			c.mu.Unlock()
			healed := time.Now()
			all.Wait()
			// Rest, perhaps a probe that was under way, and then the probes one after the other at worst.
			assert.LessOrEqual(t, time.Since(healed), silence+openFor+3*time.Second+time.Duration(most)*roundTrip)
			assert.LessOrEqual(t, c.worst, int(most), "never more on the wire until it closes")
			assert.Equal(t, breaker.Closed, c.breaker.State())
		})
	}
}

// OnChange hears of every change once and in order, whoever causes it.
func TestChangesAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last, told := breaker.Closed, 0
		b := breaker.New(breaker.Settings{Threshold: 1, OpenFor: time.Second, HalfOpenMax: 2, OnChange: func(from, to breaker.State, _ error) {
			mu.Lock()
			defer mu.Unlock()
			assert.Equal(t, last, from)
			assert.NotEqual(t, from, to)
			last = to
			told++
		}})
		sink := deliverytest.NewSender(func(_ context.Context, call int, _ delivery.Batch) error {
			time.Sleep(time.Duration(call%7) * time.Millisecond)
			if call%5 == 0 {
				return deliverytest.Broken()
			}
			return nil
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for range 50 {
					_, _ = b.Layer(sink).Send(t.Context(), deliverytest.Batch(i, 1))
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		assert.Greater(t, told, 10)
	})
}
