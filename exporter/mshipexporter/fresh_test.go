package mshipexporter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

const (
	outageDays = 3
	// perHour is how many batches come in an outage.
	perHour = 10
)

// TestThePresentDoesNotWaitForDays heals a link after three days: what comes
// from then on is ashore within seconds, while the backlog drains beside it;
// in the middle of that the ship is restarted.
func TestThePresentDoesNotWaitForDays(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		late     bool
	}{
		"half of the link": {"{sink: {fakesink: {}}, fresh_share: 0.5}", false},
		"in order":         {plainSink, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { healAfterDays(t, c.settings, c.late) })
		})
	}
}

func healAfterDays(t *testing.T, settings string, late bool) {
	disk := storagetest.New()
	shore := sinktest.New(sinktest.Refuse(roundTrip, errNoLink))
	a := board(t, disk, shore, settings).start()
	const old = outageDays * 24 * perHour
	for n := range old {
		require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("old "+strconv.Itoa(n))))
		time.Sleep(time.Hour / perHour)
	}
	stillNew := []string{} // at the heal
	for n := old - 5; n < old; n++ {
		stillNew = append(stillNew, fmt.Sprint("old ", n))
	}
	began := map[string]time.Time{}
	bring := func(seconds int) {
		for range seconds {
			name := fmt.Sprintf("new %d", len(began))
			began[name] = time.Now()
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(name)))
			time.Sleep(time.Second)
		}
	}
	shore.Answer(sinktest.Take(4 * time.Second)) // ten at once: five in two seconds
	time.Sleep(time.Minute + 10*time.Second)     // the breaker closes
	bring(200)
	a.stop()
	a = board(t, disk, shore, settings).start()
	bring(200)
	draining := len(shore.Taken(pipeline.SignalLogs))
	assert.Less(t, draining, old+len(began), "the backlog is not ashore yet, or this proves nothing")
	time.Sleep(30 * time.Minute)
	a.stop()

	taken := shore.Taken(pipeline.SignalLogs)
	assert.Len(t, taken, old+len(began), "nothing is lost and nothing comes twice")
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(taken))), old+len(began))
	var ages []time.Duration
	for _, at := range shore.Attempts() {
		if from, ok := began[at.Records[0]]; ok && at.Err == nil {
			ages = append(ages, at.Done.Sub(from))
		}
	}
	slices.Sort(ages)
	p99 := ages[len(ages)*99/100]
	backlog := slices.DeleteFunc(taken, func(name string) bool { return !strings.HasPrefix(name, "old ") })
	backlog = slices.DeleteFunc(backlog, func(name string) bool { return slices.Contains(stillNew, name) })
	assert.True(t, nearlyInOrder(backlog), "the backlog goes in the order of its times")
	if late {
		assert.Greater(t, p99, 4*time.Minute, "without it the present waits")
		return
	}
	t.Logf("the age ashore of what came after the heal: median %s, 99th percentile %s, oldest %s", ages[len(ages)/2], p99, ages[len(ages)-1])
	assert.Less(t, p99, 10*time.Second)
}

// nearlyInOrder: no more than the consumers' ten are under way beside one another.
func nearlyInOrder(names []string) bool {
	for i, name := range names {
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "old "))
		if n < i-20 || n > i+20 {
			return false
		}
	}
	return true
}
