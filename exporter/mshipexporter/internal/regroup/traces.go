package regroup

import "go.opentelemetry.io/collector/pdata/ptrace"

func regroupTraces(td ptrace.Traces) {
	merge(td.ResourceSpans(),
		func(k identity, rs ptrace.ResourceSpans) identity { return k.resource(rs.Resource(), rs.SchemaUrl()) },
		func(from, to ptrace.ResourceSpans) { from.ScopeSpans().MoveAndAppendTo(to.ScopeSpans()) })
	for _, rs := range td.ResourceSpans().All() {
		merge(rs.ScopeSpans(),
			func(k identity, ss ptrace.ScopeSpans) identity { return k.scope(ss.Scope(), ss.SchemaUrl()) },
			func(from, to ptrace.ScopeSpans) { from.Spans().MoveAndAppendTo(to.Spans()) })
		for _, ss := range rs.ScopeSpans().All() {
			orderSpans(ss.Spans())
		}
	}
}

func orderSpans(spans ptrace.SpanSlice) {
	alike := likeness(spans, ptrace.Span.Name)
	places := make([]place, spans.Len())
	for i, s := range spans.All() {
		places[i] = place{kind: int32(s.Kind()), alike: alike[i], time: uint64(s.StartTimestamp()), was: i}
	}
	arrange(spans, places, ptrace.NewSpan())
}
