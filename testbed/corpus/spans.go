package corpus

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// tracer is what two instrumented services on board make: requests, with the
// calls and queries in them.
type tracer struct {
	dice
	trace  pcommon.TraceID
	parent pcommon.SpanID
	left   int
}

func newTracer(d dice) *tracer { return &tracer{dice: d} }

var (
	routes  = []string{"/api/v1/position", "/api/v1/route/{id}", "/api/v1/alarms", "/api/v1/cargo/{bay}", "/api/v1/crew", "/api/v1/fuel/consumption", "/healthz"}
	queries = []string{"SELECT positions", "INSERT positions", "SELECT alarms", "UPDATE alarms", "SELECT cargo", "SELECT consumption"}
	methods = []string{"GET", "GET", "GET", "POST", "PUT"}
)

func (t *tracer) next(n int) ([]byte, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	vessel(rs.Resource(), "service.name", "voyage", "service.version", "2.14.1", "host.name", "app-01",
		"telemetry.sdk.name", "opentelemetry", "telemetry.sdk.language", "go", "telemetry.sdk.version", "1.38.0")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
	ss.Scope().SetVersion("0.63.0")
	for range n {
		t.span(ss.Spans().AppendEmpty())
	}
	return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
}

func (t *tracer) span(s ptrace.Span) {
	start := t.tick()
	s.SetSpanID(t.spanID())
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(t.ExpFloat64() * float64(8*time.Millisecond)))))
	s.SetFlags(1)
	if t.left == 0 {
		t.root(s)
	} else {
		t.query(s)
	}
}

func (t *tracer) root(s ptrace.Span) {
	t.trace, t.parent, t.left = t.traceID(), s.SpanID(), t.IntN(5)
	method, route := t.pick(methods), t.often(routes)
	s.SetTraceID(t.trace)
	s.SetName(method + " " + route)
	s.SetKind(ptrace.SpanKindServer)
	a := s.Attributes()
	a.PutStr("http.request.method", method)
	a.PutStr("http.route", route)
	a.PutStr("url.scheme", "https")
	a.PutStr("server.address", "voyage.ship.local")
	a.PutInt("server.port", 8443)
	a.PutStr("client.address", t.address())
	a.PutStr("user_agent.original", "okhttp/4.12.0")
	a.PutStr("network.protocol.version", "1.1")
	status := int64(200)
	if t.IntN(20) == 0 {
		status = 500
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	a.PutInt("http.response.status_code", status)
	a.PutInt("http.response.body.size", t.Int64N(40_000))
}

func (t *tracer) query(s ptrace.Span) {
	t.left--
	query := t.often(queries)
	s.SetTraceID(t.trace)
	s.SetParentSpanID(t.parent)
	s.SetName(query)
	s.SetKind(ptrace.SpanKindClient)
	a := s.Attributes()
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("db.namespace", "voyage")
	a.PutStr("db.query.summary", query)
	a.PutStr("server.address", "db-01")
	a.PutInt("server.port", 5432)
	a.PutInt("db.response.returned_rows", t.Int64N(200))
}

func (t *tracer) traceID() (id pcommon.TraceID) {
	for i := range id {
		id[i] = byte(t.Uint32())
	}
	return id
}

func (t *tracer) spanID() (id pcommon.SpanID) {
	for i := range id {
		id[i] = byte(t.Uint32())
	}
	return id
}
