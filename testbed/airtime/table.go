package airtime

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
)

// Table measures every corpus in every way and writes it down in Markdown: at
// ten records a second for so long, all at once, and then at full rate, one after the other.
func Table(ctx context.Context, w io.Writer, lasts time.Duration, records int) error {
	steady, err := together(ctx, lasts)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| 1,000 records of | come in | satcom.yaml | stock | ours ÷ | stock, zstd, batch | ours ÷ |\n|---|---|---|---|---|---|---|")
	for i, kind := range corpus.Kinds() {
		row(w, kind, "10 a second", steady[i])
	}
	for _, kind := range corpus.Kinds() {
		var costs []Cost
		for _, way := range Ways() {
			c, err := InScratch(ctx, way, Full(kind, records))
			if err != nil {
				return fmt.Errorf("%s by %s: %w", kind, way, err)
			}
			costs = append(costs, c)
		}
		row(w, kind, "at full rate", costs)
	}
	return nil
}

// together measures all that takes its time at once.
func together(ctx context.Context, lasts time.Duration) (costs [][]Cost, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, kind := range corpus.Kinds() {
		costs = append(costs, make([]Cost, len(Ways())))
		for j, way := range Ways() {
			all.Go(func() {
				c, e := InScratch(ctx, way, Steady(kind, lasts))
				mu.Lock()
				defer mu.Unlock()
				costs[i][j] = c
				if e != nil {
					err = fmt.Errorf("%s by %s: %w", kind, way, e)
				}
			})
		}
	}
	all.Wait()
	return costs, err
}

// row shows what ours is of each of the others.
func row(w io.Writer, kind, rate string, costs []Cost) {
	ours := costs[0].PerThousand()
	fmt.Fprintf(w, "| %s | %s | %.0f |", kind, rate, ours)
	for _, c := range costs[1:] {
		fmt.Fprintf(w, " %.0f | %.2f |", c.PerThousand(), ours/c.PerThousand())
	}
	fmt.Fprintln(w)
}
