package regroup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// decode gives the telemetry of a request, and how it is encoded again.
func decode(t testing.TB, signal record.Signal, otlp []byte) (pdata any, encode func() []byte) {
	t.Helper()
	var r interface{ MarshalProto() ([]byte, error) }
	switch signal {
	case record.Logs:
		logs := plogotlp.NewExportRequest()
		require.NoError(t, logs.UnmarshalProto(otlp))
		r, pdata = logs, logs.Logs()
	case record.Metrics:
		metrics := pmetricotlp.NewExportRequest()
		require.NoError(t, metrics.UnmarshalProto(otlp))
		r, pdata = metrics, metrics.Metrics()
	default:
		traces := ptraceotlp.NewExportRequest()
		require.NoError(t, traces.UnmarshalProto(otlp))
		r, pdata = traces, traces.Traces()
	}
	return pdata, func() []byte {
		out, err := r.MarshalProto()
		require.NoError(t, err)
		return out
	}
}

// parcel is a corpus's requests of so many records, one behind the other, up to a size in bytes.
func parcel(t testing.TB, kind string, each, size int) (record.Signal, []byte) {
	t.Helper()
	c, err := corpus.New(kind, corpus.Settings{Seed: 7, Start: time.Unix(1767323045, 123456789), Every: 20 * time.Millisecond})
	require.NoError(t, err)
	var all []byte
	for len(all) < size {
		more, err := c.Next(each)
		require.NoError(t, err)
		all = append(all, more...)
	}
	return c.Signal, all
}

// pressed is how many bytes it takes at the level of config/satcom.yaml.
func pressed(t testing.TB, raw []byte) int {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(11)), zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	return len(e.EncodeAll(raw, nil))
}

// inventory is how many records there are of each kind that is equal in all,
// resource and scope included, and which containers there are.
type inventory struct {
	records    map[string]int
	containers map[string]bool
}

func newInventory() inventory {
	return inventory{records: map[string]int{}, containers: map[string]bool{}}
}

func take(pdata any) inventory {
	in := newInventory()
	switch data := pdata.(type) {
	case plog.Logs:
		in.logs(data)
	case pmetric.Metrics:
		in.metrics(data)
	case ptrace.Traces:
		in.traces(data)
	}
	return in
}

func (in inventory) logs(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		whole := rl.ScopeLogs()
		one := plog.NewLogs()
		to := one.ResourceLogs().AppendEmpty()
		rl.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rl.SchemaUrl())
		in.container(one)
		for _, sl := range whole.All() {
			in.scopeLogs(one, sl)
		}
	}
}

func (in inventory) scopeLogs(one plog.Logs, sl plog.ScopeLogs) {
	scopes := one.ResourceLogs().At(0).ScopeLogs()
	defer scopes.RemoveIf(func(plog.ScopeLogs) bool { return true })
	to := scopes.AppendEmpty()
	sl.Scope().CopyTo(to.Scope())
	to.SetSchemaUrl(sl.SchemaUrl())
	in.container(one)
	for _, r := range sl.LogRecords().All() {
		r.CopyTo(to.LogRecords().AppendEmpty())
		in.record(one)
		to.LogRecords().RemoveIf(func(plog.LogRecord) bool { return true })
	}
}

func (in inventory) traces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		one := ptrace.NewTraces()
		to := one.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rs.SchemaUrl())
		in.container(one)
		for _, ss := range rs.ScopeSpans().All() {
			in.scopeSpans(one, ss)
		}
	}
}

func (in inventory) scopeSpans(one ptrace.Traces, ss ptrace.ScopeSpans) {
	scopes := one.ResourceSpans().At(0).ScopeSpans()
	defer scopes.RemoveIf(func(ptrace.ScopeSpans) bool { return true })
	to := scopes.AppendEmpty()
	ss.Scope().CopyTo(to.Scope())
	to.SetSchemaUrl(ss.SchemaUrl())
	in.container(one)
	for _, s := range ss.Spans().All() {
		s.CopyTo(to.Spans().AppendEmpty())
		in.record(one)
		to.Spans().RemoveIf(func(ptrace.Span) bool { return true })
	}
}

func (in inventory) metrics(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		one := pmetric.NewMetrics()
		to := one.ResourceMetrics().AppendEmpty()
		rm.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rm.SchemaUrl())
		in.container(one)
		for _, sm := range rm.ScopeMetrics().All() {
			in.scopeMetrics(one, sm)
		}
	}
}

func (in inventory) scopeMetrics(one pmetric.Metrics, sm pmetric.ScopeMetrics) {
	scopes := one.ResourceMetrics().At(0).ScopeMetrics()
	defer scopes.RemoveIf(func(pmetric.ScopeMetrics) bool { return true })
	to := scopes.AppendEmpty()
	sm.Scope().CopyTo(to.Scope())
	to.SetSchemaUrl(sm.SchemaUrl())
	in.container(one)
	for _, m := range sm.Metrics().All() {
		for i := range points(m) {
			m.CopyTo(to.Metrics().AppendEmpty())
			only(to.Metrics().At(0), i)
			in.record(one)
			to.Metrics().RemoveIf(func(pmetric.Metric) bool { return true })
		}
		m.CopyTo(to.Metrics().AppendEmpty())
		only(to.Metrics().At(0), -1)
		in.container(one)
		to.Metrics().RemoveIf(func(pmetric.Metric) bool { return true })
	}
}

func points(m pmetric.Metric) int {
	one := pmetric.NewMetrics()
	m.CopyTo(one.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
	return one.DataPointCount()
}

// only leaves the point of that number.
func only(m pmetric.Metric, n int) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		trim(m.Gauge().DataPoints(), n)
	case pmetric.MetricTypeSum:
		trim(m.Sum().DataPoints(), n)
	case pmetric.MetricTypeHistogram:
		trim(m.Histogram().DataPoints(), n)
	case pmetric.MetricTypeExponentialHistogram:
		trim(m.ExponentialHistogram().DataPoints(), n)
	case pmetric.MetricTypeSummary:
		trim(m.Summary().DataPoints(), n)
	case pmetric.MetricTypeEmpty:
	}
}

func trim[P any](all interface{ RemoveIf(func(P) bool) }, n int) {
	i := -1
	all.RemoveIf(func(P) bool { i++; return i != n })
}

func (in inventory) record(one any)    { in.records[text(one)]++ }
func (in inventory) container(one any) { in.containers[text(one)] = true }

func text(one any) string {
	var raw []byte
	var err error
	switch data := one.(type) {
	case plog.Logs:
		raw, err = new(plog.ProtoMarshaler).MarshalLogs(data)
	case pmetric.Metrics:
		raw, err = new(pmetric.ProtoMarshaler).MarshalMetrics(data)
	case ptrace.Traces:
		raw, err = new(ptrace.ProtoMarshaler).MarshalTraces(data)
	}
	if err != nil {
		panic(fmt.Sprintf("telemetry that cannot be encoded: %s", err))
	}
	return string(binary.AppendUvarint(bytes.Clone(raw), uint64(len(raw))))
}
