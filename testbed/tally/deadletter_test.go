package tally_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

// line is n records as one line of OTLP-JSON.
func line(t *testing.T, signal record.Signal, from int64, n int) string {
	t.Helper()
	var data []byte
	var err error
	switch signal {
	case record.Logs:
		data, err = (&plog.JSONMarshaler{}).MarshalLogs(load.Logs(from, n, time.Now()))
	case record.Metrics:
		data, err = (&pmetric.JSONMarshaler{}).MarshalMetrics(load.Metrics(from, n, time.Now()))
	case record.Traces:
		data, err = (&ptrace.JSONMarshaler{}).MarshalTraces(load.Traces(from, n, time.Now()))
	}
	require.NoError(t, err)
	return string(data) + "\n"
}

// park writes a file of a dead letter into dir/sink/signal.
func park(t *testing.T, dir string, signal record.Signal, name, content string) {
	t.Helper()
	folder := filepath.Join(dir, "shore", string(signal))
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
}

func sidecar(signal record.Signal, records int) string {
	return fmt.Sprintf(`{"id":"x","sink":"shore","signal":%q,"reason":"rejected","status":400,"message":"no",`+
		`"first_seen":"2026-08-03T10:00:00.5Z","parked_at":"2026-08-03T10:00:01Z","attempts":2,"records":%d,"bytes":10}`,
		signal, records)
}

func TestReadDeadLettersOfEverySignal(t *testing.T) {
	dir := t.TempDir()
	for i, signal := range record.Signals() {
		from := int64(100 * i)
		park(t, dir, signal, "1-a.jsonl", line(t, signal, from, 2)+line(t, signal, from+2, 1))
		park(t, dir, signal, "1-a.json", sidecar(signal, 3))
		park(t, dir, signal, "2-b.jsonl.tmp", "half wri")
	}

	entries, err := tally.ReadDeadLetters(dir)
	require.NoError(t, err)

	require.Len(t, entries, 3)
	assert.ElementsMatch(t, []int64{0, 1, 2, 100, 101, 102, 200, 201, 202}, tally.ParkedIDs(entries))
	first := entries[0]
	assert.Equal(t, record.Logs, first.Signal)
	assert.Equal(t, "rejected", first.Reason)
	assert.Equal(t, 400, first.Status)
	assert.Equal(t, 2, first.Attempts)
	assert.Equal(t, 2026, first.FirstSeen.Year())
	assert.Equal(t, filepath.Join(dir, "shore", "logs", "1-a.jsonl"), first.Path)
}

func TestReadDeadLettersOfNoFolder(t *testing.T) {
	entries, err := tally.ReadDeadLetters(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestReadDeadLettersNamesWhatIsWrong(t *testing.T) {
	good := line(t, record.Logs, 0, 1)
	for name, tc := range map[string]struct{ data, sidecar, want string }{
		"no sidecar":     {good, "", "no sidecar"},
		"broken sidecar": {good, "{", "unexpected end"},
		"wrong folder":   {good, sidecar(record.Traces, 1), "sidecar says shore/traces, the folder shore/logs"},
		"wrong count":    {good, sidecar(record.Logs, 2), "sidecar says 2 records, there are 1"},
		"no OTLP":        {"hello\n", sidecar(record.Logs, 1), "1-a.jsonl"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			dir := t.TempDir()
			park(t, dir, record.Logs, "1-a.jsonl", tc.data)
			if tc.sidecar != "" {
				park(t, dir, record.Logs, "1-a.json", tc.sidecar)
			}
			_, err := tally.ReadDeadLetters(dir)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
