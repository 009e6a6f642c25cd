package payload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payload"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payloadtest"
)

const (
	wholeSecond = pcommon.Timestamp(1700000000 * time.Second)
	wholeMilli  = wholeSecond + pcommon.Timestamp(7*time.Millisecond)
	micro       = wholeMilli + pcommon.Timestamp(time.Microsecond)
	nano        = wholeSecond + 1
)

func logOf(records ...func(plog.LogRecord)) delivery.Payload {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for _, f := range records {
		f(sl.LogRecords().AppendEmpty())
	}
	return payload.FromLogs(ld)
}

func point[P interface{ SetTimestamp(pcommon.Timestamp) }](points interface{ AppendEmpty() P }, at pcommon.Timestamp) {
	points.AppendEmpty().SetTimestamp(at)
}

// metricOf each type.
var metricOf = map[string]func(m pmetric.Metric, at pcommon.Timestamp){
	"gauge":     func(m pmetric.Metric, at pcommon.Timestamp) { point(m.SetEmptyGauge().DataPoints(), at) },
	"sum":       func(m pmetric.Metric, at pcommon.Timestamp) { point(m.SetEmptySum().DataPoints(), at) },
	"histogram": func(m pmetric.Metric, at pcommon.Timestamp) { point(m.SetEmptyHistogram().DataPoints(), at) },
	"exponential histogram": func(m pmetric.Metric, at pcommon.Timestamp) {
		point(m.SetEmptyExponentialHistogram().DataPoints(), at)
	},
	"summary": func(m pmetric.Metric, at pcommon.Timestamp) { point(m.SetEmptySummary().DataPoints(), at) },
}

func TestALogThatCanBeToldFromAnEqualOne(t *testing.T) {
	at := func(ts pcommon.Timestamp) func(plog.LogRecord) {
		return func(r plog.LogRecord) { r.SetTimestamp(ts) }
	}
	seen := func(ts pcommon.Timestamp) func(plog.LogRecord) {
		return func(r plog.LogRecord) { r.SetObservedTimestamp(ts) }
	}
	for name, c := range map[string]struct {
		p    delivery.Payload
		want bool
	}{
		"empty":                    {logOf(), false},
		"no time":                  {logOf(func(plog.LogRecord) {}), false},
		"whole seconds":            {logOf(at(wholeSecond)), false},
		"milliseconds":             {logOf(at(wholeMilli)), false},
		"microseconds":             {logOf(at(micro)), true},
		"nanoseconds":              {logOf(at(nano)), true},
		"observed in milliseconds": {logOf(seen(wholeMilli)), false},
		"observed more finely":     {logOf(seen(micro)), true},
		"one of many":              {logOf(at(wholeSecond), at(wholeSecond), at(nano)), true},
		"a span id": {logOf(func(r plog.LogRecord) {
			r.SetTimestamp(wholeSecond)
			r.SetSpanID(pcommon.SpanID{1})
		}), true},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, payload.Distinct(c.p)) })
	}
}

func TestAMetricThatCanBeToldFromAnEqualOne(t *testing.T) {
	for name, set := range metricOf {
		for at, want := range map[pcommon.Timestamp]bool{0: false, wholeSecond: false, wholeMilli: false, micro: true, nano: true} {
			md := pmetric.NewMetrics()
			metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
			metrics.AppendEmpty() // of no type
			set(metrics.AppendEmpty(), at)
			assert.Equal(t, want, payload.Distinct(payload.FromMetrics(md)), "%s at %d", name, at)
		}
	}
}

func TestATraceThatCanBeToldFromAnEqualOne(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty().SetStartTimestamp(nano)
	assert.False(t, payload.Distinct(payload.FromTraces(td)), "a span without an id is none")
	spans.AppendEmpty().SetSpanID(pcommon.SpanID{1})
	assert.True(t, payload.Distinct(payload.FromTraces(td)))
}

// Pieces of a parcel stand one behind the other; what is stored so is what they were.
func TestPiecesMakeAParcel(t *testing.T) {
	for seed := range uint64(30) {
		m := payloadtest.New(seed)
		first, second := payload.FromLogs(m.Logs()), payload.FromLogs(m.Logs())
		a, err := first.MarshalProto()
		require.NoError(t, err)
		b, err := second.MarshalProto()
		require.NoError(t, err)
		both := append(append([]byte{}, a...), b...)
		whole, err := payload.Unmarshal(delivery.Logs, both)
		require.NoError(t, err)
		assert.Equal(t, first.Records()+second.Records(), whole.Records())
		again, err := whole.MarshalProto()
		require.NoError(t, err)
		assert.Equal(t, both, again)

		merged := payload.Merge([]delivery.Payload{payload.Encoded(first, a), second})
		assert.Equal(t, whole.Records(), merged.Records())
		assert.Equal(t, len(both), merged.Bytes())
		raw, err := merged.MarshalProto()
		require.NoError(t, err)
		assert.Equal(t, both, raw)
	}
}

func TestMergingIsForAllOrNone(t *testing.T) {
	m := payloadtest.New(1)
	one, two := payload.FromTraces(m.Traces()), payload.FromMetrics(m.Metrics())
	assert.Nil(t, payload.Merge(nil))
	assert.Nil(t, payload.Merge([]delivery.Payload{one, nil}))
	assert.Same(t, two, payload.Merge([]delivery.Payload{two}))
	for _, p := range []delivery.Payload{one, two} {
		raw, err := p.MarshalProto()
		require.NoError(t, err)
		other, err := payload.Unmarshal(p.Signal(), raw)
		require.NoError(t, err)
		merged, err := payload.Merge([]delivery.Payload{p, other}).MarshalProto()
		require.NoError(t, err)
		assert.Equal(t, append(raw, raw...), merged, p.Signal())
	}
}

func TestEncodedIsNotEncodedAgain(t *testing.T) {
	p := logOf(func(r plog.LogRecord) { r.Body().SetStr("x") }, func(r plog.LogRecord) { r.Body().SetStr("y") })
	otlp, err := p.MarshalProto()
	require.NoError(t, err)
	e := payload.Encoded(p, otlp)
	raw, err := e.MarshalProto()
	require.NoError(t, err)
	assert.Same(t, &otlp[0], &raw[0])
	assert.Equal(t, p.Bytes(), e.Bytes())
	first, second := e.Halves()
	assert.Equal(t, 1, first.Records())
	assert.Equal(t, 1, second.Records())
}
