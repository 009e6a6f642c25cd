// Package pause honours Retry-After: the far end asked the sink to wait, so
// the whole sink waits, not only the batch that was answered.
package pause

import (
	"context"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Gate stays shut until the far end wants to hear from us again. It is shared
// by the signals of one sink and safe for concurrent use.
type Gate struct {
	mu    sync.Mutex
	until time.Time
}

// Layer puts the gate before next.
func (g *Gate) Layer(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, b delivery.Batch) (delivery.Outcome, error) {
		if left := g.left(); left > 0 {
			return 0, &delivery.Failure{Message: "the far end asked for a pause (Retry-After)", Wait: left}
		}
		outcome, err := next.Send(ctx, b)
		if err == nil {
			return outcome, nil
		}
		f := delivery.AsFailure(err)
		if f.RetryAfter > 0 {
			g.shut(f.RetryAfter)
			f.Wait = max(f.Wait, g.left())
		}
		return 0, f
	})
}

func (g *Gate) left() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

func (g *Gate) shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}
