package mshipconsole

import (
	"context"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

// sample asks every sink and every link again and again, for the history and the forecast.
func (c *console) sample(ctx context.Context) {
	ticker := time.NewTicker(c.cfg.SampleInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			askAll(ctx, append(c.mounts.All(), c.links.All()...), func(_ int, sink *sinks.Sink, answer sinks.Answer, err error) {
				if err == nil {
					sink.Note(answer.Status)
				}
			})
		}
	}
}

// askAll asks the sinks at once, so that one that is slow does not delay the others, and waits for all.
func askAll(ctx context.Context, all []*sinks.Sink, take func(i int, sink *sinks.Sink, answer sinks.Answer, err error)) {
	var asking sync.WaitGroup
	for i, sink := range all {
		asking.Go(func() {
			answer, err := sink.Ask(ctx)
			take(i, sink, answer, err)
		})
	}
	asking.Wait()
}
