package e2e_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/airtime"
	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
)

// costs measures config/satcom.yaml and another way at once.
func costs(t *testing.T, other airtime.Way, plan airtime.Plan) (ours, theirs airtime.Cost) {
	t.Helper()
	var all sync.WaitGroup
	measure := func(way airtime.Way, cost *airtime.Cost) {
		dir := t.TempDir()
		all.Go(func() {
			var err error
			*cost, err = airtime.Measure(t.Context(), dir, way, plan)
			assert.NoError(t, err, way)
			t.Logf("%s, %s: %s", plan.Kind, way, cost)
		})
	}
	measure(airtime.Satcom, &ours)
	measure(other, &theirs)
	all.Wait()
	return ours, theirs
}

// At ten records a second, each in a request of its own, round trips and
// headers are most of what the stock exporter sends.
func TestAirtimeOfWhatComesSlowly(t *testing.T) {
	t.Parallel()
	lasts := inLong(10*time.Second, time.Minute)
	ours, theirs := costs(t, airtime.Stock, airtime.Steady(corpus.Syslog, lasts))
	assert.LessOrEqual(t, ours.PerThousand(), theirs.PerThousand()/3)
}

// At full rate the parcels are as large as the stock exporter's; they are in
// order, and harder pressed. It takes all of the machine, so nobody runs beside it.
func TestAirtimeAtFullRate(t *testing.T) {
	for _, kind := range corpus.Kinds() {
		records := inLong(20_000, 50_000)
		if kind == corpus.Syslog {
			records = 50_000
		}
		t.Run(kind, func(t *testing.T) {
			ours, theirs := costs(t, airtime.StockBatching, airtime.Full(kind, records))
			assert.LessOrEqual(t, ours.PerThousand(), 0.9*theirs.PerThousand())
		})
	}
}
