// Package load sends numbered records as a correct OTLP client does: it
// resends what was refused for a while, and remembers what was acknowledged.
package load

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

const scopeName = "testbed/load"

// Logs returns n log records numbered from, from+1, …, with bodies of 100 to
// 300 bytes. The same numbers and time give the same content.
func Logs(from int64, n int, at time.Time) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	describe(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(scopeName)
	sl.LogRecords().EnsureCapacity(n)
	for i := range n {
		id := from + int64(i)
		random := randomOf(id)
		lr := sl.LogRecords().AppendEmpty()
		lr.SetTimestamp(stamp(at, i))
		lr.SetObservedTimestamp(stamp(at, i))
		severity := severities[random.IntN(len(severities))]
		lr.SetSeverityNumber(severity)
		lr.SetSeverityText(severity.String())
		lr.Body().SetStr(sentence(random, 100+random.IntN(180)))
		lr.Attributes().PutInt(record.Attribute, id)
		lr.Attributes().PutStr("log.source", "main engine "+fmt.Sprint(id%4))
	}
	return ld
}

// logs are those of a batch.
func (b Batch) logs() plog.Logs {
	if b.Logs == nil {
		b.Logs = Logs
	}
	ld := b.Logs(b.From, b.N, b.at())
	if b.Noise <= 0 {
		return ld
	}
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range records.Len() {
		records.At(i).Attributes().PutStr("noise", noise(randomOf(^(b.From+int64(i))), b.Noise))
	}
	return ld
}

// noise is so many hexadecimal digits.
func noise(random *rand.Rand, size int) string {
	raw := make([]byte, size/2+1)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	return hex.EncodeToString(raw)[:size]
}

// Traces returns n spans numbered from, from+1, …, all of one trace.
func Traces(from int64, n int, at time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	describe(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scopeName)
	ss.Spans().EnsureCapacity(n)
	trace := traceID(randomOf(^from))
	for i := range n {
		id := from + int64(i)
		random := randomOf(id)
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(trace)
		span.SetSpanID(spanID(random))
		span.SetName("voyage.plan." + words[random.IntN(len(words))])
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(stamp(at, i))
		span.SetEndTimestamp(stamp(at, i+1+random.IntN(5000)))
		span.Attributes().PutInt(record.Attribute, id)
		span.Attributes().PutStr("http.route", sentence(random, 100))
	}
	return td
}

// Metrics returns n data points numbered from, from+1, …, spread over a gauge,
// a sum and a histogram.
func Metrics(from int64, n int, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	describe(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scopeName)
	points := newPoints(sm.Metrics())
	for i := range n {
		id := from + int64(i)
		points.add(id, stamp(at, i), randomOf(id))
	}
	return md
}

// points are the metrics that data points are spread over.
type points struct {
	gauge     pmetric.NumberDataPointSlice
	sum       pmetric.NumberDataPointSlice
	histogram pmetric.HistogramDataPointSlice
}

func newPoints(ms pmetric.MetricSlice) points {
	gauge := ms.AppendEmpty()
	gauge.SetName("ship.engine.temperature")
	gauge.SetUnit("Cel")
	sum := ms.AppendEmpty()
	sum.SetName("ship.fuel.used")
	sum.SetUnit("kg")
	total := sum.SetEmptySum()
	total.SetIsMonotonic(true)
	total.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	histogram := ms.AppendEmpty()
	histogram.SetName("ship.roll")
	histogram.SetUnit("deg")
	spread := histogram.SetEmptyHistogram()
	spread.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	return points{gauge.SetEmptyGauge().DataPoints(), total.DataPoints(), spread.DataPoints()}
}

func (p points) add(id int64, at pcommon.Timestamp, random *rand.Rand) {
	switch id % 3 {
	case 0:
		dp := p.gauge.AppendEmpty()
		dp.SetTimestamp(at)
		dp.SetDoubleValue(60 + 40*random.Float64())
		label(dp.Attributes(), id, random)
	case 1:
		dp := p.sum.AppendEmpty()
		dp.SetStartTimestamp(at - pcommon.Timestamp(time.Minute))
		dp.SetTimestamp(at)
		dp.SetIntValue(random.Int64N(1 << 60))
		label(dp.Attributes(), id, random)
	default:
		dp := p.histogram.AppendEmpty()
		dp.SetStartTimestamp(at - pcommon.Timestamp(time.Second))
		dp.SetTimestamp(at)
		dp.ExplicitBounds().FromRaw([]float64{1, 5, 15})
		dp.BucketCounts().FromRaw([]uint64{4, 3, 2, 1})
		dp.SetCount(10)
		dp.SetSum(42.5)
		label(dp.Attributes(), id, random)
	}
}

func label(attrs pcommon.Map, id int64, random *rand.Rand) {
	attrs.PutInt(record.Attribute, id)
	attrs.PutStr("sensor", words[random.IntN(len(words))])
}

// describe fills in what a host on board says of itself.
func describe(r pcommon.Resource) {
	r.Attributes().PutStr("host.name", "bridge-01")
	r.Attributes().PutStr("service.name", "navigation")
	r.Attributes().PutStr("vessel.imo", "9321483")
}

// randomOf gives each number its own repeatable randomness.
func randomOf(id int64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(id), 0x5ea)) //nolint:gosec // repeatable on purpose
}

// stamp is the i-th microsecond after a time, but a whole second is of a clock
// that knows nothing finer.
func stamp(at time.Time, i int) pcommon.Timestamp {
	if at.Nanosecond() == 0 {
		i = 0
	}
	return pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Microsecond))
}

func traceID(random *rand.Rand) (id pcommon.TraceID) {
	for i := range id {
		id[i] = byte(random.IntN(255) + 1)
	}
	return id
}

func spanID(random *rand.Rand) (id pcommon.SpanID) {
	for i := range id {
		id[i] = byte(random.IntN(255) + 1)
	}
	return id
}

// sentence returns words of at least size bytes together.
func sentence(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[random.IntN(len(words))])
		b.WriteByte(' ')
	}
	return strings.TrimSuffix(b.String(), " ")
}

var severities = []plog.SeverityNumber{
	plog.SeverityNumberDebug, plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError,
}

var words = []string{
	"anchor", "ballast", "bearing", "bilge", "bow", "bridge", "buoy", "cargo", "course", "deck",
	"draught", "engine", "fathom", "fuel", "gangway", "harbour", "helm", "hull", "knots", "latitude",
	"longitude", "mooring", "pilot", "port", "propeller", "pump", "radar", "rudder", "starboard", "stern",
	"temperature", "pressure", "valve", "alarm", "acknowledged", "exceeded", "nominal", "watch",
}
