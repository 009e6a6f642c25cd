package load_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// noon, by a clock that knows it to the nanosecond.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 1, time.UTC)

func TestEveryRecordHasItsNumber(t *testing.T) {
	want := load.Batch{From: 1000, N: 50}.IDs()
	assert.Equal(t, want, record.InLogs(load.Logs(1000, 50, noon)))
	assert.Equal(t, want, record.InTraces(load.Traces(1000, 50, noon)))
	assert.ElementsMatch(t, want, record.InMetrics(load.Metrics(1000, 50, noon)))
}

func TestBodiesAreOfRealisticSizeAndRepeatable(t *testing.T) {
	first, again := bodies(0), bodies(0)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, bodies(500))
	for _, body := range first {
		assert.GreaterOrEqual(t, len(body), 100)
		assert.LessOrEqual(t, len(body), 300)
	}
}

func bodies(from int64) []string {
	var all []string
	for _, lr := range load.Logs(from, 500, noon).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		all = append(all, lr.Body().Str())
	}
	return all
}

func TestSpansAreValidAndDifferent(t *testing.T) {
	seen := map[pcommon.SpanID]bool{}
	for _, span := range load.Traces(0, 500, noon).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		assert.False(t, span.TraceID().IsEmpty())
		assert.Greater(t, span.EndTimestamp(), span.StartTimestamp())
		seen[span.SpanID()] = true
	}
	assert.Len(t, seen, 500)
}

func TestTimesAreAMicrosecondApartUnlessTheClockIsCoarse(t *testing.T) {
	times := func(at time.Time) (apart pcommon.Timestamp) {
		records := load.Logs(0, 2, at).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		assert.Equal(t, at, records.At(0).Timestamp().AsTime())
		return records.At(1).Timestamp() - records.At(0).Timestamp()
	}
	assert.EqualValues(t, time.Microsecond, times(noon))
	assert.Zero(t, times(noon.Truncate(time.Second)))
}
