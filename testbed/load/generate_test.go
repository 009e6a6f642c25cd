package load_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

func TestEveryRecordHasItsNumber(t *testing.T) {
	want := load.Batch{From: 1000, N: 50}.IDs()
	assert.Equal(t, want, record.InLogs(load.Logs(1000, 50)))
	assert.Equal(t, want, record.InTraces(load.Traces(1000, 50)))
	assert.ElementsMatch(t, want, record.InMetrics(load.Metrics(1000, 50)))
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
	for _, lr := range load.Logs(from, 500).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		all = append(all, lr.Body().Str())
	}
	return all
}

func TestSpansAreValidAndDifferent(t *testing.T) {
	seen := map[pcommon.SpanID]bool{}
	for _, span := range load.Traces(0, 500).ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		assert.False(t, span.TraceID().IsEmpty())
		assert.Greater(t, span.EndTimestamp(), span.StartTimestamp())
		seen[span.SpanID()] = true
	}
	assert.Len(t, seen, 500)
}
