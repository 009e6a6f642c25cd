package payload

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/payloadtest"
)

const seeds = 400

// everySignal runs the test on random payloads.
func everySignal(t *testing.T, test func(t *testing.T, p delivery.Payload)) {
	t.Helper()
	for seed := range uint64(seeds) {
		m := payloadtest.New(seed)
		for _, p := range []delivery.Payload{FromLogs(m.Logs()), FromMetrics(m.Metrics()), FromTraces(m.Traces())} {
			if test(t, p); t.Failed() {
				t.Fatalf("seed %d, %s", seed, p.Signal())
			}
		}
	}
}

func proto(t *testing.T, p delivery.Payload) []byte {
	t.Helper()
	b, err := p.MarshalProto()
	require.NoError(t, err)
	return b
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	everySignal(t, func(t *testing.T, p delivery.Payload) {
		raw := proto(t, p)
		assert.Len(t, raw, p.Bytes())
		back, err := Unmarshal(p.Signal(), raw)
		require.NoError(t, err)
		assert.Equal(t, raw, proto(t, back))
		assert.Equal(t, p.Records(), back.Records())
		assert.Equal(t, p.Signal(), back.Signal())
	})
}

func TestTheLineOfJSONIsReadable(t *testing.T) {
	everySignal(t, func(t *testing.T, p delivery.Payload) {
		line, err := p.MarshalJSON()
		require.NoError(t, err)
		assert.False(t, slices.Contains(line, '\n'))
		assert.Equal(t, proto(t, p), proto(t, fromJSON(t, p.Signal(), line)))
	})
}

func fromJSON(t *testing.T, s delivery.Signal, line []byte) delivery.Payload {
	t.Helper()
	switch s {
	case delivery.Logs:
		ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(line)
		require.NoError(t, err)
		return FromLogs(ld)
	case delivery.Metrics:
		md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(line)
		require.NoError(t, err)
		return FromMetrics(md)
	default:
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		require.NoError(t, err)
		return FromTraces(td)
	}
}

// records gives each record alone, with its resource and scope: halved until nothing is left to halve.
func records(t *testing.T, p delivery.Payload) [][]byte {
	t.Helper()
	if p.Records() == 0 {
		return nil
	}
	if p.Records() == 1 {
		return [][]byte{proto(t, p)}
	}
	first, second := p.Halves()
	return append(records(t, first), records(t, second)...)
}

func TestHalvesAreTheWhole(t *testing.T) {
	everySignal(t, func(t *testing.T, p delivery.Payload) {
		if p.Records() < 2 {
			return
		}
		before := proto(t, p)
		first, second := p.Halves()
		assert.Equal(t, before, proto(t, p), "the whole is left as it was")
		assert.Equal(t, p.Records(), first.Records()+second.Records())
		assert.LessOrEqual(t, second.Records()-first.Records(), 1)
		assert.GreaterOrEqual(t, second.Records(), first.Records())
		assert.Len(t, records(t, p), p.Records())
	})
}

// Sliced at every place, the two parts hold the original's records in its order.
func TestSlicesKeepOrderAndContent(t *testing.T) {
	ld := plog.NewLogs()
	for r := range 3 {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutInt("resource", int64(r))
		for s := range 2 {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().Attributes().PutInt("scope", int64(s))
			for n := range r { // the first resource holds nothing
				sl.LogRecords().AppendEmpty().SetTimestamp(payloadTime(r, s, n))
			}
		}
	}
	total := ld.LogRecordCount()
	for at := 1; at < total; at++ {
		first, second := sliceLogs(ld, 0, at), sliceLogs(ld, at, total)
		assert.Equal(t, times(ld), append(times(first), times(second)...))
		assert.Equal(t, 2, emptyScopes(first)+emptyScopes(second), "cut at %d", at)
	}
}

// What was changed in place has its new size, not the one that was reckoned before, nor its old bytes.
func TestReckonedAnew(t *testing.T) {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for n := range 3 {
		records.AppendEmpty().Body().SetInt(int64(n))
	}
	before := Encoded(FromLogs(ld), []byte("what it was"))
	records.RemoveIf(func(r plog.LogRecord) bool { return r.Body().Int() == 1 })
	after := Reckoned(before)
	assert.Equal(t, 2, after.Records())
	assert.Equal(t, len(proto(t, FromLogs(ld))), after.Bytes())
	assert.Equal(t, proto(t, FromLogs(ld)), proto(t, after))
}

func TestBytesThatAreNoTelemetry(t *testing.T) {
	for _, s := range []delivery.Signal{delivery.Logs, delivery.Metrics, delivery.Traces} {
		_, err := Unmarshal(s, []byte{0xff, 0xff})
		assert.ErrorContains(t, err, "cannot decode 2 bytes of "+string(s))
	}
	_, err := Unmarshal("profiles", nil)
	assert.EqualError(t, err, `unknown signal "profiles"`)
}
