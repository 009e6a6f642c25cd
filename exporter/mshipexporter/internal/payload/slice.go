package payload

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// window walks the records of a batch in order and says which fall outside.
type window struct{ next, from, to int }

func (w *window) outside() bool {
	i := w.next
	w.next++
	return i < w.from || i >= w.to
}

// emptied says whether a container is to go: it lost its last record here, or
// it never had one and belongs to the first window.
func (w *window) emptied(before, after int) bool {
	return after == 0 && (before > 0 || w.from > 0)
}

func sliceLogs(ld plog.Logs, from, to int) plog.Logs {
	out := plog.NewLogs()
	ld.CopyTo(out)
	w := window{from: from, to: to}
	out.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		scopes := rl.ScopeLogs().Len()
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			records := sl.LogRecords().Len()
			sl.LogRecords().RemoveIf(func(plog.LogRecord) bool { return w.outside() })
			return w.emptied(records, sl.LogRecords().Len())
		})
		return w.emptied(scopes, rl.ScopeLogs().Len())
	})
	return out
}

func sliceTraces(td ptrace.Traces, from, to int) ptrace.Traces {
	out := ptrace.NewTraces()
	td.CopyTo(out)
	w := window{from: from, to: to}
	out.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		scopes := rs.ScopeSpans().Len()
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			spans := ss.Spans().Len()
			ss.Spans().RemoveIf(func(ptrace.Span) bool { return w.outside() })
			return w.emptied(spans, ss.Spans().Len())
		})
		return w.emptied(scopes, rs.ScopeSpans().Len())
	})
	return out
}

func sliceMetrics(md pmetric.Metrics, from, to int) pmetric.Metrics {
	out := pmetric.NewMetrics()
	md.CopyTo(out)
	w := window{from: from, to: to}
	out.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		scopes := rm.ScopeMetrics().Len()
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			count := sm.Metrics().Len()
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
				before, after := w.points(m)
				return w.emptied(before, after)
			})
			return w.emptied(count, sm.Metrics().Len())
		})
		return w.emptied(scopes, rm.ScopeMetrics().Len())
	})
	return out
}

// points drops the data points outside the window, whatever the metric's type.
func (w *window) points(m pmetric.Metric) (before, after int) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return trim(w, m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return trim(w, m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		return trim(w, m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		return trim(w, m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		return trim(w, m.Summary().DataPoints())
	default:
		return 0, 0
	}
}

func trim[P any](w *window, points interface {
	Len() int
	RemoveIf(func(P) bool)
},
) (before, after int) {
	before = points.Len()
	points.RemoveIf(func(P) bool { return w.outside() })
	return before, points.Len()
}
