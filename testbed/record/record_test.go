package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseSignal(t *testing.T) {
	for _, want := range record.Signals() {
		got, err := record.ParseSignal(string(want))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := record.ParseSignal("profiles")
	assert.ErrorContains(t, err, `unknown signal "profiles"`)
}

func TestInMetricsFindsEveryKindOfPoint(t *testing.T) {
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	points := []func(m pmetric.Metric) pcommon.Map{
		func(m pmetric.Metric) pcommon.Map { return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes() },
		func(m pmetric.Metric) pcommon.Map { return m.SetEmptySum().DataPoints().AppendEmpty().Attributes() },
		func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes()
		},
		func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes()
		},
		func(m pmetric.Metric) pcommon.Map { return m.SetEmptySummary().DataPoints().AppendEmpty().Attributes() },
	}
	for i, point := range points {
		point(ms.AppendEmpty()).PutInt(record.Attribute, int64(i))
	}
	ms.AppendEmpty()

	assert.Equal(t, []int64{0, 1, 2, 3, 4}, record.InMetrics(md))
}

func TestRecordWithoutANumber(t *testing.T) {
	ld := plog.NewLogs()
	lrs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	lrs.AppendEmpty()
	lrs.AppendEmpty().Attributes().PutStr(record.Attribute, "7")

	assert.Equal(t, []int64{record.Unnumbered, record.Unnumbered}, record.InLogs(ld))
}

func TestTheOldestLogRecord(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ld := plog.NewLogs()
	assert.Zero(t, record.Oldest(ld))
	for _, after := range []time.Duration{time.Minute, time.Second, time.Hour} {
		lrs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		lrs.AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(noon.Add(after)))
	}
	assert.Equal(t, noon.Add(time.Second), record.Oldest(ld))
}
