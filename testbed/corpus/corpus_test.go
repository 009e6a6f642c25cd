package corpus

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

var start = time.Unix(1767323045, 123456789)

func make1(t *testing.T, kind string, seed uint64) *Corpus {
	t.Helper()
	c, err := New(kind, Settings{Seed: seed, Start: start, Every: 100 * time.Millisecond})
	require.NoError(t, err)
	return c
}

func count(t *testing.T, signal record.Signal, otlp []byte) int {
	t.Helper()
	switch signal {
	case record.Logs:
		ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(otlp)
		require.NoError(t, err)
		return ld.LogRecordCount()
	case record.Metrics:
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(otlp)
		require.NoError(t, err)
		return md.DataPointCount()
	default:
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(otlp)
		require.NoError(t, err)
		return td.SpanCount()
	}
}

func TestARequestHasSoManyRecords(t *testing.T) {
	for _, kind := range Kinds() {
		c := make1(t, kind, 1)
		for _, n := range []int{1, 10, 1000} {
			otlp, err := c.Next(n)
			require.NoError(t, err)
			assert.Equal(t, n, count(t, c.Signal, otlp), kind)
		}
	}
	_, err := New("letters", Settings{})
	assert.Error(t, err)
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	for _, kind := range Kinds() {
		one, two, other := make1(t, kind, 1), make1(t, kind, 1), make1(t, kind, 2)
		for range 3 {
			a, _ := one.Next(50)
			b, _ := two.Next(50)
			c, _ := other.Next(50)
			assert.Equal(t, a, b, kind)
			assert.NotEqual(t, a, c, kind)
		}
	}
}

// The clock of the records goes on at the rate that was asked for.
func TestTheTimesOfRecords(t *testing.T) {
	c := make1(t, Syslog, 1)
	otlp, err := c.Next(1000)
	require.NoError(t, err)
	ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(otlp)
	require.NoError(t, err)
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	last := records.At(999).ObservedTimestamp().AsTime()
	assert.WithinDuration(t, start.Add(100*time.Second), last, 15*time.Second)
	assert.Equal(t, 8, records.At(0).Attributes().Len())
}

func TestAScrapeIsOfOneTime(t *testing.T) {
	assert.Len(t, newHost(dice{Rand: rand.New(rand.NewPCG(1, 1)), now: start}).series, Scrape)
	c := make1(t, HostMetrics, 1)
	times := map[pcommon.Timestamp]bool{}
	for range 3 {
		otlp, err := c.Next(Scrape)
		require.NoError(t, err)
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(otlp)
		require.NoError(t, err)
		assert.Equal(t, 1, md.ResourceMetrics().Len())
		for _, sm := range md.ResourceMetrics().At(0).ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Type() == pmetric.MetricTypeSum {
					times[m.Sum().DataPoints().At(0).Timestamp()] = true
				}
			}
		}
	}
	assert.Len(t, times, 3)
}

func TestChecksums(t *testing.T) {
	assert.Equal(t, byte(0x47), checksum("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"))
}
