package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

// rig is the handler over a store of the test's own, with a replay by script.
type rig struct {
	http.Handler
	dir     string
	letters *deadletter.Store

	mu       sync.Mutex
	fails    func(name string) error
	replayed []string
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	r := &rig{dir: tb.TempDir(), fails: func(string) error { return nil }}
	r.letters = deadletter.New(deadletter.Settings{
		Directory: r.dir, Sink: "shore", MaxPerHour: 1_000_000, OnParked: func(deadletter.Entry, string) {},
	})
	r.Handler = Handler(Settings{Status: func() Status { return Status{Sink: "shore"} }, Letters: r.letters, Replay: r.replay})
	return r
}

func (r *rig) replay(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fails(name); err != nil {
		return err
	}
	r.replayed = append(r.replayed, name)
	return r.letters.Delete(name)
}

// park parks a batch of logs that came in n seconds after the first, and gives the entry's name.
func (r *rig) park(tb testing.TB, n int, bodies ...string) string {
	tb.Helper()
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for _, b := range bodies {
		sl.LogRecords().AppendEmpty().Body().SetStr(b)
	}
	b := delivery.Batch{
		ID: delivery.ID{byte(n >> 8), byte(n)}, Payload: &logs{deliverytest.Payload{Kind: delivery.Logs, Numbers: make([]int, ld.LogRecordCount())}, ld},
		History: &delivery.History{FirstSeen: time.Unix(1_700_000_000+int64(n), 0)},
	}
	require.NoError(tb, r.letters.Park(b, deadletter.Rejected, &delivery.Failure{Status: 400, Message: "bad field"}))
	return r.letters.Names(deadletter.Filter{From: b.History.FirstSeen, To: b.History.FirstSeen})[0]
}

func (r *rig) damage(tb testing.TB, raw string) string {
	tb.Helper()
	require.NoError(tb, r.letters.ParkDamaged(&delivery.Damage{Signal: delivery.Logs, Raw: []byte(raw), Err: errors.New("checksum")}))
	names := r.letters.Names(deadletter.Filter{Reason: deadletter.Unreadable})
	return names[len(names)-1]
}

// overwrite changes a file of an entry, as a failing disk would.
func (r *rig) overwrite(tb testing.TB, name, ext, text string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(filepath.Join(r.dir, "shore", "logs", name+ext), []byte(text), 0o600))
}

func (r *rig) do(method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

// object decodes an answer of JSON.
func object[T any](t *testing.T, w *httptest.ResponseRecorder) (out T) {
	t.Helper()
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&out))
	return out
}

// refused checks that an answer is an error that says something.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, words string) {
	t.Helper()
	assert.Equal(t, status, w.Code, w.Body.String())
	p := object[problem](t, w)
	assert.Contains(t, p.Error, words)
	assert.NotContains(t, p.Error, "\n")
}

func quoted(names ...string) string {
	text, _ := json.Marshal(names)
	return string(text)
}

// logs is a payload of real logs.
type logs struct {
	deliverytest.Payload
	ld plog.Logs
}

// MarshalJSON implements delivery.Payload.
func (l *logs) MarshalJSON() ([]byte, error) { return new(plog.JSONMarshaler).MarshalLogs(l.ld) }

// Bytes implements delivery.Payload.
func (l *logs) Bytes() int { return new(plog.ProtoMarshaler).LogsSize(l.ld) }
