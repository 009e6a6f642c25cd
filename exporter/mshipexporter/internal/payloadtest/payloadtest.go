// Package payloadtest makes random telemetry that uses every field of OTLP.
package payloadtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Maker makes telemetry from a source of randomness. It is not safe for concurrent use.
type Maker struct{ *rand.Rand }

// New makes the same telemetry for the same seed.
func New(seed uint64) Maker { return Maker{rand.New(rand.NewPCG(seed, 1))} } //nolint:gosec // test data

// some gives a small number, 0 now and then.
func (m Maker) some() int { return m.IntN(4) }

func (m Maker) time() pcommon.Timestamp { return pcommon.Timestamp(m.Uint64()) }

func (m Maker) text() string {
	return []string{"", "x", "vessel.imo", "ünïcode ⚓", "line\nbreak\x00", fmt.Sprint(m.Uint64())}[m.IntN(6)]
}

func (m Maker) integer() int64 {
	return []int64{0, -1, math.MaxInt64, math.MinInt64, m.Int64()}[m.IntN(5)]
}

func (m Maker) float() float64 {
	return []float64{0, -0.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), m.Float64()}[m.IntN(6)]
}

func (m Maker) bytes() []byte {
	b := make([]byte, m.some()*3)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

func (m Maker) traceID() (id pcommon.TraceID) {
	for i := range id {
		id[i] = byte(m.Uint32())
	}
	return id
}

func (m Maker) spanID() (id pcommon.SpanID) {
	for i := range id {
		id[i] = byte(m.Uint32())
	}
	return id
}

func (m Maker) value(v pcommon.Value, depth int) {
	kinds := 8
	if depth > 2 {
		kinds = 6
	}
	switch m.IntN(kinds) {
	case 0: // empty
	case 1:
		v.SetStr(m.text())
	case 2:
		v.SetInt(m.integer())
	case 3:
		v.SetDouble(m.float())
	case 4:
		v.SetBool(m.IntN(2) == 0)
	case 5:
		v.SetEmptyBytes().FromRaw(m.bytes())
	case 6:
		m.attributes(v.SetEmptyMap(), depth+1)
	default:
		s := v.SetEmptySlice()
		for range m.some() {
			m.value(s.AppendEmpty(), depth+1)
		}
	}
}

func (m Maker) attributes(a pcommon.Map, depth int) {
	for i := range m.some() {
		m.value(a.PutEmpty(fmt.Sprintf("%s %d", m.text(), i)), depth)
	}
}

func (m Maker) resource(r pcommon.Resource) {
	m.attributes(r.Attributes(), 0)
	r.SetDroppedAttributesCount(m.Uint32())
}

func (m Maker) scope(s pcommon.InstrumentationScope) {
	s.SetName(m.text())
	s.SetVersion(m.text())
	m.attributes(s.Attributes(), 0)
	s.SetDroppedAttributesCount(m.Uint32())
}

// Logs makes logs of a few resources, some of them empty.
func (m Maker) Logs() plog.Logs {
	ld := plog.NewLogs()
	for range m.some() {
		rl := ld.ResourceLogs().AppendEmpty()
		m.resource(rl.Resource())
		rl.SetSchemaUrl(m.text())
		for range m.some() {
			sl := rl.ScopeLogs().AppendEmpty()
			m.scope(sl.Scope())
			sl.SetSchemaUrl(m.text())
			for range m.some() {
				m.record(sl.LogRecords().AppendEmpty())
			}
		}
	}
	return ld
}

func (m Maker) record(r plog.LogRecord) {
	r.SetTimestamp(m.time())
	r.SetObservedTimestamp(m.time())
	r.SetSeverityNumber(plog.SeverityNumber(m.IntN(25)))
	r.SetSeverityText(m.text())
	r.SetEventName(m.text())
	m.value(r.Body(), 0)
	m.attributes(r.Attributes(), 0)
	r.SetDroppedAttributesCount(m.Uint32())
	r.SetFlags(plog.LogRecordFlags(m.Uint32()))
	r.SetTraceID(m.traceID())
	r.SetSpanID(m.spanID())
}

// Traces makes traces of a few resources, some of them empty.
func (m Maker) Traces() ptrace.Traces {
	td := ptrace.NewTraces()
	for range m.some() {
		rs := td.ResourceSpans().AppendEmpty()
		m.resource(rs.Resource())
		rs.SetSchemaUrl(m.text())
		for range m.some() {
			ss := rs.ScopeSpans().AppendEmpty()
			m.scope(ss.Scope())
			ss.SetSchemaUrl(m.text())
			for range m.some() {
				m.span(ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func (m Maker) span(s ptrace.Span) {
	s.SetTraceID(m.traceID())
	s.SetSpanID(m.spanID())
	s.SetParentSpanID(m.spanID())
	s.TraceState().FromRaw(m.text())
	s.SetName(m.text())
	s.SetKind(ptrace.SpanKind(m.IntN(6)))
	s.SetStartTimestamp(m.time())
	s.SetEndTimestamp(m.time())
	s.SetFlags(m.Uint32())
	m.attributes(s.Attributes(), 0)
	s.SetDroppedAttributesCount(m.Uint32())
	s.SetDroppedEventsCount(m.Uint32())
	s.SetDroppedLinksCount(m.Uint32())
	s.Status().SetCode(ptrace.StatusCode(m.IntN(3)))
	s.Status().SetMessage(m.text())
	for range m.some() {
		e := s.Events().AppendEmpty()
		e.SetName(m.text())
		e.SetTimestamp(m.time())
		m.attributes(e.Attributes(), 0)
		e.SetDroppedAttributesCount(m.Uint32())
	}
	for range m.some() {
		l := s.Links().AppendEmpty()
		l.SetTraceID(m.traceID())
		l.SetSpanID(m.spanID())
		l.TraceState().FromRaw(m.text())
		l.SetFlags(m.Uint32())
		m.attributes(l.Attributes(), 0)
		l.SetDroppedAttributesCount(m.Uint32())
	}
}

// Metrics makes metrics of a few resources, of every type, some of them empty.
func (m Maker) Metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range m.some() {
		rm := md.ResourceMetrics().AppendEmpty()
		m.resource(rm.Resource())
		rm.SetSchemaUrl(m.text())
		for range m.some() {
			sm := rm.ScopeMetrics().AppendEmpty()
			m.scope(sm.Scope())
			sm.SetSchemaUrl(m.text())
			for range m.some() {
				m.metric(sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

func (m Maker) metric(metric pmetric.Metric) {
	metric.SetName(m.text())
	metric.SetDescription(m.text())
	metric.SetUnit(m.text())
	m.attributes(metric.Metadata(), 0)
	temporality := pmetric.AggregationTemporality(m.IntN(3))
	switch m.IntN(6) {
	case 0: // of no type
	case 1:
		m.numbers(metric.SetEmptyGauge().DataPoints())
	case 2:
		s := metric.SetEmptySum()
		s.SetIsMonotonic(m.IntN(2) == 0)
		s.SetAggregationTemporality(temporality)
		m.numbers(s.DataPoints())
	case 3:
		h := metric.SetEmptyHistogram()
		h.SetAggregationTemporality(temporality)
		m.histograms(h.DataPoints())
	case 4:
		h := metric.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(temporality)
		m.exponentials(h.DataPoints())
	default:
		m.summaries(metric.SetEmptySummary().DataPoints())
	}
}

func (m Maker) numbers(points pmetric.NumberDataPointSlice) {
	for range m.some() {
		p := points.AppendEmpty()
		m.attributes(p.Attributes(), 0)
		p.SetStartTimestamp(m.time())
		p.SetTimestamp(m.time())
		p.SetFlags(pmetric.DataPointFlags(m.Uint32()))
		if m.IntN(2) == 0 {
			p.SetIntValue(m.integer())
		} else {
			p.SetDoubleValue(m.float())
		}
		m.exemplars(p.Exemplars())
	}
}

func (m Maker) histograms(points pmetric.HistogramDataPointSlice) {
	for range m.some() {
		p := points.AppendEmpty()
		m.attributes(p.Attributes(), 0)
		p.SetStartTimestamp(m.time())
		p.SetTimestamp(m.time())
		p.SetFlags(pmetric.DataPointFlags(m.Uint32()))
		p.SetCount(m.Uint64())
		p.BucketCounts().FromRaw([]uint64{m.Uint64(), 0, 1})
		p.ExplicitBounds().FromRaw([]float64{-1, m.float()})
		if m.IntN(2) == 0 {
			p.SetSum(m.float())
			p.SetMin(m.float())
			p.SetMax(m.float())
		}
		m.exemplars(p.Exemplars())
	}
}

func (m Maker) exponentials(points pmetric.ExponentialHistogramDataPointSlice) {
	for range m.some() {
		p := points.AppendEmpty()
		m.attributes(p.Attributes(), 0)
		p.SetStartTimestamp(m.time())
		p.SetTimestamp(m.time())
		p.SetFlags(pmetric.DataPointFlags(m.Uint32()))
		p.SetCount(m.Uint64())
		p.SetScale(int32(m.IntN(40) - 20))
		p.SetZeroCount(m.Uint64())
		p.SetZeroThreshold(m.float())
		p.Positive().SetOffset(int32(m.IntN(40) - 20))
		p.Positive().BucketCounts().FromRaw([]uint64{1, m.Uint64()})
		p.Negative().BucketCounts().FromRaw([]uint64{m.Uint64()})
		if m.IntN(2) == 0 {
			p.SetSum(m.float())
			p.SetMin(m.float())
			p.SetMax(m.float())
		}
		m.exemplars(p.Exemplars())
	}
}

func (m Maker) summaries(points pmetric.SummaryDataPointSlice) {
	for range m.some() {
		p := points.AppendEmpty()
		m.attributes(p.Attributes(), 0)
		p.SetStartTimestamp(m.time())
		p.SetTimestamp(m.time())
		p.SetFlags(pmetric.DataPointFlags(m.Uint32()))
		p.SetCount(m.Uint64())
		p.SetSum(m.float())
		for range m.some() {
			q := p.QuantileValues().AppendEmpty()
			q.SetQuantile(m.Float64())
			q.SetValue(m.float())
		}
	}
}

func (m Maker) exemplars(exemplars pmetric.ExemplarSlice) {
	for range m.some() {
		e := exemplars.AppendEmpty()
		m.attributes(e.FilteredAttributes(), 0)
		e.SetTimestamp(m.time())
		e.SetTraceID(m.traceID())
		e.SetSpanID(m.spanID())
		if m.IntN(2) == 0 {
			e.SetIntValue(m.integer())
		} else {
			e.SetDoubleValue(m.float())
		}
	}
}
