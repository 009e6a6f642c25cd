package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// fullLetters is a dead-letter folder in which one old entry takes all of max_bytes.
func fullLetters(t *testing.T) agent.DeadLetter {
	t.Helper()
	const most, name = 1 << 20, "1700000000000000000-0190b0f5-7a2c-7000-8000-000000000001"
	dir := t.TempDir()
	logs := filepath.Join(dir, "shore", "logs")
	require.NoError(t, os.MkdirAll(logs, 0o700))
	line := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"` + strings.Repeat("x", most) + `"}}]}]}]}`
	about := `{"id":"0190b0f5-7a2c-7000-8000-000000000001","signal":"logs","reason":"rejected","records":1}`
	require.NoError(t, os.WriteFile(filepath.Join(logs, name+".jsonl"), []byte(line), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(logs, name+".json"), []byte(about), 0o600))
	return agent.DeadLetter{Directory: dir, MaxBytes: most}
}

// A dead-letter folder that is full holds the bad batches and nothing else;
// once somebody has made room, they are parked.
func TestFullDeadLettersHoldNothingButTheBad(t *testing.T) {
	t.Parallel()
	const records, bad = 6000, 6
	s := newScene(t, agent.Config{
		Console: true, DeadLetter: fullLetters(t), Retry: agent.Retry{InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second},
	})
	s.shore.SetFault(shore.RejectRecords(func(id int64) bool { return id < records && id%1000 == 7 }))
	enough := s.sendOn() // a bad record needs others that are taken
	s.await(drained, "the good records are ashore", func() bool { return s.shore.Delivered() >= records-bad })
	s.await(prompt, "the log tells it", func() bool { return len(s.agent.LogLines("the dead letters are full")) > 0 })
	assert.Positive(t, s.metric("mship_queue_depth"), "the bad ones stay")

	var answer struct{ Purged int }
	require.NoError(t, s.agent.Ask(http.MethodPost, "/api/v1/sinks/shore/dead-letters/purge", map[string]any{"filter": map[string]any{}, "count": 1}, &answer))
	assert.Equal(t, 1, answer.Purged)
	s.await(prompt, "it is counted", func() bool { return s.metric("mship_dead_letter_dropped_total", "reason", "purged") == 1 })
	s.await(drained, "the bad ones are parked", func() bool { return s.metric("mship_dead_letter_entries_total") >= bad })
	enough()
	s.awaitDrained()
	balance := s.tally()
	assert.Len(t, balance.Parked, bad)
	assert.True(t, balance.Exact(), "every record is in one place, once")
}
