package payload

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// Distinct tells whether a batch of the same bytes must be the same batch: one
// of its records has a time finer than a millisecond, or a span id. Without
// either, two equal batches may be two events: a device that writes "door
// open" with whole seconds says so twice.
func Distinct(p delivery.Payload) bool {
	switch data := p.Pdata().(type) {
	case plog.Logs:
		return distinctLogs(data)
	case pmetric.Metrics:
		return distinctMetrics(data)
	case ptrace.Traces:
		return distinctTraces(data)
	default:
		return false
	}
}

func fine(t pcommon.Timestamp) bool { return uint64(t)%uint64(time.Millisecond) != 0 }

func distinctLogs(ld plog.Logs) bool {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				if fine(r.Timestamp()) || fine(r.ObservedTimestamp()) || !r.SpanID().IsEmpty() {
					return true
				}
			}
		}
	}
	return false
}

func distinctTraces(td ptrace.Traces) bool {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if !s.SpanID().IsEmpty() {
					return true
				}
			}
		}
	}
	return false
}

func distinctMetrics(md pmetric.Metrics) bool {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if distinctPoints(m) {
					return true
				}
			}
		}
	}
	return false
}

func distinctPoints(m pmetric.Metric) bool {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return anyFine(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return anyFine(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		return anyFine(m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		return anyFine(m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		return anyFine(m.Summary().DataPoints())
	default:
		return false
	}
}

func anyFine[P interface{ Timestamp() pcommon.Timestamp }](points interface {
	Len() int
	At(i int) P
},
) bool {
	for i := range points.Len() {
		if fine(points.At(i).Timestamp()) {
			return true
		}
	}
	return false
}
