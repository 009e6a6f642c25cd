package regroup

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func regroupMetrics(md pmetric.Metrics) {
	merge(md.ResourceMetrics(),
		func(k identity, rm pmetric.ResourceMetrics) identity {
			return k.resource(rm.Resource(), rm.SchemaUrl())
		},
		func(from, to pmetric.ResourceMetrics) { from.ScopeMetrics().MoveAndAppendTo(to.ScopeMetrics()) })
	for _, rm := range md.ResourceMetrics().All() {
		merge(rm.ScopeMetrics(),
			func(k identity, sm pmetric.ScopeMetrics) identity { return k.scope(sm.Scope(), sm.SchemaUrl()) },
			func(from, to pmetric.ScopeMetrics) { from.Metrics().MoveAndAppendTo(to.Metrics()) })
		for _, sm := range rm.ScopeMetrics().All() {
			merge(sm.Metrics(), identity.metric, movePoints)
			for _, m := range sm.Metrics().All() {
				orderPoints(m)
			}
		}
	}
}

// metric is all of a metric but its points.
func (k identity) metric(m pmetric.Metric) identity {
	k = k.text(m.Name()).text(m.Unit()).text(m.Description()).attributes(m.Metadata())
	k = append(k, byte(m.Type()))
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return append(k, byte(m.Sum().AggregationTemporality())).flag(m.Sum().IsMonotonic())
	case pmetric.MetricTypeHistogram:
		return append(k, byte(m.Histogram().AggregationTemporality()))
	case pmetric.MetricTypeExponentialHistogram:
		return append(k, byte(m.ExponentialHistogram().AggregationTemporality()))
	case pmetric.MetricTypeGauge, pmetric.MetricTypeSummary, pmetric.MetricTypeEmpty:
	}
	return k
}

// movePoints between metrics of one type.
func movePoints(from, to pmetric.Metric) {
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		from.Gauge().DataPoints().MoveAndAppendTo(to.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		from.Sum().DataPoints().MoveAndAppendTo(to.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		from.Histogram().DataPoints().MoveAndAppendTo(to.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		from.ExponentialHistogram().DataPoints().MoveAndAppendTo(to.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		from.Summary().DataPoints().MoveAndAppendTo(to.Summary().DataPoints())
	case pmetric.MetricTypeEmpty:
	}
}

func orderPoints(m pmetric.Metric) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		bySeries(m.Gauge().DataPoints(), pmetric.NewNumberDataPoint())
	case pmetric.MetricTypeSum:
		bySeries(m.Sum().DataPoints(), pmetric.NewNumberDataPoint())
	case pmetric.MetricTypeHistogram:
		bySeries(m.Histogram().DataPoints(), pmetric.NewHistogramDataPoint())
	case pmetric.MetricTypeExponentialHistogram:
		bySeries(m.ExponentialHistogram().DataPoints(), pmetric.NewExponentialHistogramDataPoint())
	case pmetric.MetricTypeSummary:
		bySeries(m.Summary().DataPoints(), pmetric.NewSummaryDataPoint())
	case pmetric.MetricTypeEmpty:
	}
}

type point[P any] interface {
	movable[P]
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
}

// bySeries puts the points of a series side by side, as they follow one another.
func bySeries[P point[P]](points list[P], spare P) {
	places := make([]place, points.Len())
	series := make(map[string]uint64)
	var k identity
	for i := range places {
		p := points.At(i)
		k = k[:0].attributes(p.Attributes())
		n, known := series[string(k)]
		if !known {
			n = uint64(len(series))
			series[string(k)] = n
		}
		places[i] = place{alike: n, time: uint64(p.Timestamp()), was: i}
	}
	arrange(points, places, spare)
}
