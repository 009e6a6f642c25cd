package regroup

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payloadtest"
	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// random is a parcel of requests of which some are there twice, and some but for
// one thing: the maker begins anew with a seed that it had.
func random(signal record.Signal, seed uint64) any {
	dice := payloadtest.New(seed)
	logs, metrics, traces := plog.NewLogs(), pmetric.NewMetrics(), ptrace.NewTraces()
	for range 6 {
		m := payloadtest.New(seed<<8 + dice.Uint64N(3))
		switch signal {
		case record.Logs:
			more := m.Logs()
			if n := more.ResourceLogs().Len(); n > 0 {
				spoil(dice, more.ResourceLogs().At(dice.IntN(n)).Resource())
			}
			more.ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		case record.Metrics:
			more := m.Metrics()
			if n := more.ResourceMetrics().Len(); n > 0 {
				spoil(dice, more.ResourceMetrics().At(dice.IntN(n)).Resource())
			}
			more.ResourceMetrics().MoveAndAppendTo(metrics.ResourceMetrics())
		default:
			more := m.Traces()
			if n := more.ResourceSpans().Len(); n > 0 {
				spoil(dice, more.ResourceSpans().At(dice.IntN(n)).Resource())
			}
			more.ResourceSpans().MoveAndAppendTo(traces.ResourceSpans())
		}
	}
	return map[record.Signal]any{record.Logs: logs, record.Metrics: metrics, record.Traces: traces}[signal]
}

// spoil changes one thing, or none.
func spoil(m payloadtest.Maker, r pcommon.Resource) {
	switch m.IntN(4) {
	case 0:
		r.SetDroppedAttributesCount(r.DroppedAttributesCount() + 1)
	case 1:
		r.Attributes().PutEmpty("nil")
	case 2:
		ref := entity.ResourceEntityRefs(r).AppendEmpty()
		ref.SetType("ship")
		ref.IdKeys().Append("vessel.imo")
	}
}

func TestNothingIsAddedLostOrChanged(t *testing.T) {
	for _, signal := range record.Signals() {
		for seed := range uint64(100) {
			data := random(signal, seed)
			before := take(data)
			Telemetry(data)
			require.Equal(t, before, take(data), "%s, seed %d", signal, seed)
		}
	}
}

func TestTheSameTelemetryGivesTheSameBytes(t *testing.T) {
	for _, kind := range corpus.Kinds() {
		signal, otlp := parcel(t, kind, 10, 64<<10)
		var first []byte
		for range 5 {
			data, encode := decode(t, signal, otlp)
			before := take(data)
			Telemetry(data)
			assert.Equal(t, before, take(data), kind)
			if first == nil {
				first = encode()
			}
			assert.Equal(t, first, encode(), kind)
		}
	}
}

// nearly are changes of a resource that make it another one.
var nearly = map[string]func(pcommon.Resource){
	"dropped count":      func(r pcommon.Resource) { r.SetDroppedAttributesCount(1) },
	"one more":           func(r pcommon.Resource) { r.Attributes().PutEmpty("x") },
	"one less":           func(r pcommon.Resource) { r.Attributes().Remove("name") },
	"value":              func(r pcommon.Resource) { r.Attributes().PutStr("name", "b") },
	"nil value":          func(r pcommon.Resource) { r.Attributes().PutEmpty("name") },
	"empty text":         func(r pcommon.Resource) { r.Attributes().PutStr("name", "") },
	"bytes":              func(r pcommon.Resource) { r.Attributes().PutEmptyBytes("name").FromRaw([]byte("a")) },
	"double for integer": func(r pcommon.Resource) { r.Attributes().PutDouble("n", 1) },
	"minus zero":         func(r pcommon.Resource) { r.Attributes().PutDouble("zero", math.Copysign(0, -1)) },
	"bool":               func(r pcommon.Resource) { r.Attributes().PutBool("yes", false) },
	"in a slice":         func(r pcommon.Resource) { r.Attributes().PutEmptySlice("list").AppendEmpty().SetInt(2) },
	"in a map":           func(r pcommon.Resource) { r.Attributes().PutEmptyMap("map").PutStr("a", "c") },
	"order": func(r pcommon.Resource) {
		r.Attributes().Remove("name")
		r.Attributes().PutStr("name", "a")
	},
	"entity": func(r pcommon.Resource) { entity.ResourceEntityRefs(r).AppendEmpty().SetType("ship") },
}

func full(r pcommon.Resource) {
	r.Attributes().PutStr("name", "a")
	r.Attributes().PutInt("n", 1)
	r.Attributes().PutDouble("zero", 0)
	r.Attributes().PutBool("yes", true)
	r.Attributes().PutEmptySlice("list").AppendEmpty().SetInt(1)
	r.Attributes().PutEmptyMap("map").PutStr("a", "b")
}

func TestOnlyWhatIsEqualBecomesOne(t *testing.T) {
	with := func(change func(plog.ResourceLogs)) (resources, scopes int) {
		ld := plog.NewLogs()
		for i := range 4 {
			rl := ld.ResourceLogs().AppendEmpty()
			full(rl.Resource())
			rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetInt(int64(i))
			if i%2 == 1 {
				change(rl)
			}
		}
		Telemetry(ld)
		for _, rl := range ld.ResourceLogs().All() {
			scopes += rl.ScopeLogs().Len()
		}
		assert.Equal(t, 4, ld.LogRecordCount())
		return ld.ResourceLogs().Len(), scopes
	}
	for name, change := range nearly {
		resources, _ := with(func(rl plog.ResourceLogs) { change(rl.Resource()) })
		assert.Equal(t, 2, resources, name)
		_, scopes := with(func(rl plog.ResourceLogs) {
			s := rl.ScopeLogs().At(0).Scope()
			r := pcommon.NewResource()
			change(r)
			r.Attributes().CopyTo(s.Attributes())
			s.SetDroppedAttributesCount(r.DroppedAttributesCount())
			s.SetName(map[bool]string{true: "named"}[r.Attributes().Len() == 0])
		})
		assert.Equal(t, 2, scopes, name)
	}
	resources, _ := with(func(rl plog.ResourceLogs) { rl.SetSchemaUrl("x") })
	assert.Equal(t, 2, resources, "schema")
	_, scopes := with(func(rl plog.ResourceLogs) { rl.ScopeLogs().At(0).SetSchemaUrl("x") })
	assert.Equal(t, 2, scopes, "schema of a scope")
	_, scopes = with(func(rl plog.ResourceLogs) { rl.ScopeLogs().At(0).Scope().SetVersion("x") })
	assert.Equal(t, 2, scopes, "version of a scope")
	resources, scopes = with(func(plog.ResourceLogs) {})
	assert.Equal(t, [2]int{1, 1}, [2]int{resources, scopes}, "all equal")
}

// Identities are written so that what is different never reads the same.
func TestIdentitiesDoNotRunTogether(t *testing.T) {
	one, two := pcommon.NewMap(), pcommon.NewMap()
	one.PutStr("a", "bc")
	two.PutStr("ab", "c")
	assert.NotEqual(t, identity(nil).attributes(one), identity(nil).attributes(two))
	assert.NotEqual(t, identity(nil).text("a").text(""), identity(nil).text("").text("a"))
}

// Every metric that differs in one thing of its identity stays on its own.
func TestMetricsOfOneIdentityBecomeOne(t *testing.T) {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	sum := func(change func(pmetric.Metric)) {
		m := metrics.AppendEmpty()
		m.SetName("fuel")
		m.SetUnit("kg")
		m.SetDescription("d")
		m.Metadata().PutStr("a", "b")
		m.SetEmptySum().DataPoints().AppendEmpty()
		change(m)
	}
	changes := []func(pmetric.Metric){
		func(pmetric.Metric) {},
		func(m pmetric.Metric) { m.SetName("oil") },
		func(m pmetric.Metric) { m.SetUnit("t") },
		func(m pmetric.Metric) { m.SetDescription("e") },
		func(m pmetric.Metric) { m.Metadata().PutStr("a", "c") },
		func(m pmetric.Metric) { m.Sum().SetIsMonotonic(true) },
		func(m pmetric.Metric) { m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) },
		func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptySummary().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) { m.SetEmptyHistogram().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) {
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			h.DataPoints().AppendEmpty()
		},
		func(m pmetric.Metric) { m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty() },
		func(m pmetric.Metric) {
			h := m.SetEmptyExponentialHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			h.DataPoints().AppendEmpty()
		},
	}
	for range 3 {
		for _, change := range changes {
			sum(change)
		}
	}
	Telemetry(md)
	assert.Equal(t, len(changes), metrics.Len())
	for _, m := range metrics.All() {
		assert.Equal(t, 3, points(m), m.Type())
	}
}

// Points of a series follow one another in time; those of one time stay in the
// order in which they came, and keep what hangs on them.
func TestTheOrderOfPoints(t *testing.T) {
	md := pmetric.NewMetrics()
	for i, p := range []struct {
		series string
		at     pcommon.Timestamp
	}{{"a", 30}, {"b", 10}, {"a", 20}, {"b", 10}, {"a", 20}, {"b", 5}} {
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("fuel")
		point := m.SetEmptyGauge().DataPoints().AppendEmpty()
		point.Attributes().PutStr("tank", p.series)
		point.SetTimestamp(p.at)
		point.SetIntValue(int64(i))
		point.Exemplars().AppendEmpty().SetIntValue(int64(i))
	}
	Telemetry(md)
	require.Equal(t, 1, md.MetricCount())
	var order, hanging []int64
	for _, p := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().All() {
		order = append(order, p.IntValue())
		hanging = append(hanging, p.Exemplars().At(0).IntValue())
	}
	assert.Equal(t, []int64{2, 4, 0, 5, 1, 3}, order)
	assert.Equal(t, order, hanging)
}

func TestTheOrderOfLogs(t *testing.T) {
	ld := plog.NewLogs()
	for i, r := range []struct {
		severity plog.SeverityNumber
		body     string
		at, seen pcommon.Timestamp
	}{
		{9, "door 7 open", 50, 0}, {17, "fire", 40, 0}, {9, "pump 1 on", 30, 0}, {9, "door 3 open", 20, 0},
		{9, "pump 2 on", 0, 25}, {9, "door 3 open", 20, 0},
	} {
		record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		record.SetSeverityNumber(r.severity)
		record.Body().SetStr(r.body)
		record.SetTimestamp(r.at)
		record.SetObservedTimestamp(r.seen)
		record.Attributes().PutInt("n", int64(i))
	}
	Telemetry(ld)
	require.Equal(t, 1, ld.ResourceLogs().Len())
	var order []int64
	for _, r := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		n, _ := r.Attributes().Get("n")
		order = append(order, n.Int())
	}
	assert.Equal(t, []int64{3, 5, 4, 2, 0, 1}, order, "among so few, only the severity and the time tell")
}

// What is equal in all that counts stays in the order in which it came.
func TestEqualRecordsKeepTheirOrder(t *testing.T) {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 1000 {
		r := records.AppendEmpty()
		r.SetSeverityNumber(plog.SeverityNumber(1 + i%2))
		r.Body().SetInt(int64(i))
	}
	Telemetry(ld)
	for i, r := range records.All() {
		require.EqualValues(t, i%500*2+i/500, r.Body().Int())
	}
}

// Kinds of records stand side by side where there are enough of them to see that they are kinds.
func TestKindsStandSideBySide(t *testing.T) {
	for name, write := range map[string]func(r plog.LogRecord, kind, i int){
		"by the beginning of the text": func(r plog.LogRecord, kind, i int) {
			r.Body().SetStr([]string{"pump ", "door ", "fire "}[kind] + string(rune('0'+i%10)))
		},
		"by an attribute": func(r plog.LogRecord, kind, i int) {
			r.Attributes().PutInt("n", int64(i))
			r.Attributes().PutBool("hot", kind == 1)
			r.Attributes().PutDouble("zone", float64(kind))
		},
		"by a text among the attributes": func(r plog.LogRecord, kind, i int) {
			r.Attributes().PutStr("text", []string{"tank level ", "gust ", "roll "}[kind]+string(rune('0'+i%10)))
		},
	} {
		ld := plog.NewLogs()
		records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for i := range 300 {
			r := records.AppendEmpty()
			r.SetTimestamp(pcommon.Timestamp(i + 1))
			write(r, i%3, i)
		}
		Telemetry(ld)
		changes := 0
		for i := 1; i < records.Len(); i++ {
			before, now := records.At(i-1).Timestamp(), records.At(i).Timestamp()
			if before%3 != now%3 {
				changes++
			} else {
				assert.Less(t, before, now, name)
			}
		}
		assert.Equal(t, 2, changes, name)
	}
}

func TestTheOrderOfSpans(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 100 {
		s := spans.AppendEmpty()
		s.SetStartTimestamp(pcommon.Timestamp(1000 - i))
		s.SetKind(ptrace.SpanKind(1 + i%2))
		s.SetName([]string{"GET /", "SELECT"}[i/2%2])
	}
	Telemetry(td)
	changes := 0
	for i := 1; i < spans.Len(); i++ {
		before, now := spans.At(i-1), spans.At(i)
		if before.Kind() != now.Kind() || before.Name() != now.Name() {
			changes++
		} else {
			assert.Less(t, before.StartTimestamp(), now.StartTimestamp())
		}
	}
	assert.Equal(t, 3, changes)
}

// What it is for. The same telemetry in the same parcel, in requests of ten records.
func TestLessGoesToTheWire(t *testing.T) {
	for kind, most := range map[string]float64{
		corpus.Syslog: 0.95, corpus.HostMetrics: 0.75, corpus.NMEA: 0.93, corpus.Spans: 0.97,
	} {
		signal, otlp := parcel(t, kind, 10, 512<<10)
		data, encode := decode(t, signal, otlp)
		Telemetry(data)
		ratio := float64(pressed(t, encode())) / float64(pressed(t, otlp))
		t.Logf("%s: %.3f", kind, ratio)
		assert.Less(t, ratio, most, kind)
	}
}

// BenchmarkTelemetry is the CPU time of a megabyte that comes in.
func BenchmarkTelemetry(b *testing.B) {
	for _, kind := range corpus.Kinds() {
		b.Run(kind, func(b *testing.B) {
			signal, otlp := parcel(b, kind, 10, 2<<20)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				data, _ := decode(b, signal, otlp)
				b.StartTimer()
				Telemetry(data)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N)/(float64(len(otlp))/1e6), "ms/MB")
		})
	}
}
