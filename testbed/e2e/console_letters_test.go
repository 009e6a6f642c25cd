package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/browser"
)

// handMade is a dead-letter folder with so many entries of one record.
func handMade(t *testing.T, entries int, bodies ...string) agent.DeadLetter {
	t.Helper()
	dir := t.TempDir()
	logs := filepath.Join(dir, "shore", "logs")
	require.NoError(t, os.MkdirAll(logs, 0o700))
	for n := range entries {
		body := fmt.Sprintf("record %d", n)
		if n < len(bodies) {
			body = bodies[n]
		}
		id := fmt.Sprintf("0190b0f5-7a2c-7000-8000-%012d", n)
		name := filepath.Join(logs, fmt.Sprintf("%d-%s", 1_700_000_000_000_000_000+n, id))
		line := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000000000000001","body":{"stringValue":"` + body + `"}}]}]}]}` + "\n"
		about := fmt.Sprintf(`{"id":%q,"sink":"shore","signal":"logs","reason":"rejected","status":400,"message":"%s","first_seen":%q,"parked_at":%q,"records":1,"bytes":100}`,
			id, body, time.Unix(1_700_000_000, int64(n)).UTC().Format(time.RFC3339Nano), time.Unix(1_700_000_100, 0).UTC().Format(time.RFC3339Nano))
		require.NoError(t, os.WriteFile(name+".jsonl", []byte(line), 0o600))
		require.NoError(t, os.WriteFile(name+".json", []byte(about), 0o600))
	}
	return agent.DeadLetter{Directory: dir}
}

// hostile are bodies that want to be more than text, as they stand in JSON.
var hostile = []string{
	`<script>alert(1)</script><img src=x onerror=alert(2)>`,
	`><svg onload=alert(3)>`,
	strings.Repeat("<b>wide</b>", 100_000),
	"\xff\xfe\xfd no UTF-8 \xc3",
	`\u0000\u0007\u001b[31m\u202eturned\u2066 about`,
	`javascript:alert(4)`,
}

// What a record holds is shown as text, and breaks nothing.
func TestHostileRecordsAreText(t *testing.T) {
	t.Parallel()
	s, b := watched(t, agent.Config{DeadLetter: handMade(t, len(hostile), hostile...)})
	b.Open(s.agent.ConsoleURL()+"/#/sink/shore/dead-letters", browser.Desk)
	b.Await(oneLetter, "")
	assert.Equal(t, len(hostile), b.Count(oneLetter))
	for n := range hostile {
		b.Open(s.agent.ConsoleURL()+fmt.Sprintf("/#/sink/shore/dead-letters/%d-0190b0f5-7a2c-7000-8000-%012d", 1_700_000_000_000_000_000+n, n), browser.Desk)
		b.Await(`[data-testid=entry-reason]`, "rejected")
		b.Await(`[data-testid=records], .quiet`, "")
		assert.Zero(t, b.Count("main script, main img[src=x], main svg[onload], main b"), "body %d became a page", n)
		requireQuietPage(t, s, b)
	}
	b.Open(s.agent.ConsoleURL()+"/#/sink/shore/dead-letters/1700000000000000000-0190b0f5-7a2c-7000-8000-000000000000", browser.Desk)
	b.Await(`[data-testid=record]`, hostile[0])
}

// Ten thousand dead letters: the list opens at once, and memory stays small.
func TestManyDeadLettersOpenAtOnce(t *testing.T) {
	const entries = 10_000
	s := newScene(t, agent.Config{Console: true, DeadLetter: handMade(t, entries)})
	list := func() (total int, took time.Duration) {
		var answer struct {
			Entries []struct{ Name string }
			Total   struct{ Entries int }
		}
		begin := time.Now()
		require.NoError(t, s.agent.Ask(http.MethodGet, "/api/v1/sinks/shore/dead-letters?limit=100", nil, &answer))
		require.Len(t, answer.Entries, 100)
		return answer.Total.Entries, time.Since(begin)
	}
	s.await(prompt, "all are known", func() bool { total, _ := list(); return total == entries })
	var times []time.Duration
	for range 15 {
		_, took := list()
		times = append(times, took)
	}
	slices.Sort(times)
	rss, _ := s.agent.Metric("otelcol_process_memory_rss", nil)
	t.Logf("%d entries: a page in %s (median of %d), %.0f MiB of memory", entries, times[len(times)/2], len(times), rss/(1<<20))
	assert.Less(t, times[len(times)/2], 200*time.Millisecond)
	assert.Less(t, rss, float64(400<<20))
}
