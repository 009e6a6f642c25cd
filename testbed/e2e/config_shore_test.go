package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// The shore takes every batch once: while it runs, after a restart and after a kill.
func TestTheShoresConfigurationTakesEveryBatchOnce(t *testing.T) {
	t.Parallel()
	backend := shore.Start(t)
	cfg, err := agent.Shore(backend.HTTPEndpoint())
	require.NoError(t, err)
	a := agent.Start(t, cfg)
	const batches, each = 20, 10
	send := func() {
		for i := range batches {
			postWithKey(t, a.HTTPEndpoint(), "0190b0f5-7a2c-7000-8000-00000000000"+string(rune('a'+i)), int64(i*each), each)
		}
	}
	send()
	send()
	require.NoError(t, a.Restart())
	send()
	// What is in flight to the back end at a kill goes there again; that is not what is asked here.
	require.Eventually(t, func() bool {
		depth, ok := a.Metric("mship_queue_depth", nil)
		return ok && depth == 0 && recordsAt(backend) >= batches*each
	}, prompt, poll)
	a.Kill()
	require.NoError(t, a.Restart())
	send()
	time.Sleep(time.Second) // for what must not come
	assert.Equal(t, batches*each, recordsAt(backend), "records at the back end")
	for _, name := range []string{"mship_dedup_duplicates_total", "mship_dedup_keys"} {
		n, ok := a.Metric(name, nil)
		assert.True(t, ok, name)
		assert.EqualValues(t, batches, n, name)
	}
}

// postWithKey sends n log records as a ship does whose answer was lost before.
func postWithKey(t *testing.T, endpoint, key string, from int64, n int) {
	t.Helper()
	body, err := plogotlp.NewExportRequestFromLogs(load.Logs(from, n, time.Now())).MarshalProto()
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint+record.Logs.Path(), bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/x-protobuf", response.Header.Get("Content-Type"))
	require.NoError(t, plogotlp.NewExportResponse().UnmarshalProto(answer))
}

// recordsAt is how many records a far end has taken, copies and all.
func recordsAt(s *shore.Shore) (records int) {
	for _, e := range s.Requests() {
		if e.Taken {
			records += len(e.Records)
		}
	}
	return records
}
