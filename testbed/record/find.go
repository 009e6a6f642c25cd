package record

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Unnumbered stands for a record without a number, such as real host metrics.
const Unnumbered int64 = -1

// InLogs returns the number of every log record, in order.
func InLogs(ld plog.Logs) []int64 {
	ids := make([]int64, 0, ld.LogRecordCount())
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				ids = append(ids, ofLog(lr))
			}
		}
	}
	return ids
}

// Oldest is the earliest time of the log records; the zero time if there are none.
func Oldest(ld plog.Logs) (oldest time.Time) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if at := lr.Timestamp().AsTime(); oldest.IsZero() || at.Before(oldest) {
					oldest = at
				}
			}
		}
	}
	return oldest
}

// InTraces returns the number of every span, in order.
func InTraces(td ptrace.Traces) []int64 {
	ids := make([]int64, 0, td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				ids = append(ids, number(span.Attributes()))
			}
		}
	}
	return ids
}

// InMetrics returns the number of every data point of every kind, in order.
func InMetrics(md pmetric.Metrics) []int64 {
	ids := make([]int64, 0, md.DataPointCount())
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				ids = appendPoints(ids, m)
			}
		}
	}
	return ids
}

// appendPoints appends the numbers of one metric's data points.
func appendPoints(ids []int64, m pmetric.Metric) []int64 {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			ids = append(ids, number(p.Attributes()))
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			ids = append(ids, number(p.Attributes()))
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			ids = append(ids, number(p.Attributes()))
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			ids = append(ids, number(p.Attributes()))
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			ids = append(ids, number(p.Attributes()))
		}
	case pmetric.MetricTypeEmpty:
	}
	return ids
}

// number reads the record's number, or Unnumbered where there is none.
func number(attrs pcommon.Map) int64 {
	v, ok := attrs.Get(Attribute)
	if !ok || v.Type() != pcommon.ValueTypeInt {
		return Unnumbered
	}
	return v.Int()
}
