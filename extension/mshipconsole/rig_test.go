package mshipconsole

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

type hosts map[component.ID]component.Component

func (h hosts) GetExtensions() map[component.ID]component.Component { return h }

// desk is a console that is up, and a client in front of it.
type desk struct {
	*console

	t    *testing.T
	logs *observer.ObservedLogs
	http *http.Client
}

// newDesk makes a console that is not up.
func newDesk(t *testing.T, change ...func(*Config)) *desk {
	t.Helper()
	cfg := createDefaultConfig()
	cfg.Server.NetAddr.Endpoint = "127.0.0.1:0"
	for _, c := range change {
		c(cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.InfoLevel)
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.Logger = zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	return &desk{console: ext.(*console), t: t, logs: logs, http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
}

func (d *desk) up(host hosts) *desk {
	d.t.Helper()
	ctx := context.WithoutCancel(d.t.Context())
	require.NoError(d.t, d.Start(ctx, host))
	d.t.Cleanup(func() {
		d.http.CloseIdleConnections()
		require.NoError(d.t, d.Shutdown(ctx))
	})
	return d
}

func up(t *testing.T, change ...func(*Config)) *desk {
	t.Helper()
	return newDesk(t, change...).up(hosts{})
}

// shows mounts a fake.
func (d *desk) shows(name string, h http.Handler) {
	d.t.Helper()
	unmount, err := d.Mount(name, h)
	require.NoError(d.t, err)
	d.t.Cleanup(unmount)
}

type header map[string]string

// ask sends a request as it is, path and all, and returns the answer with its body.
func (d *desk) ask(method, path, body string, headers header) (*http.Response, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.address, strings.NewReader(body))
	require.NoError(d.t, err)
	r.URL.Opaque = path // as it is, not cleaned
	r.Header.Set("Content-Type", "application/json")
	for key, value := range headers {
		r.Header.Set(key, value)
	}
	if host, ok := headers["Host"]; ok {
		r.Host = host
	}
	answer, err := d.http.Do(r)
	require.NoError(d.t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, answer.Body.Close())
	return answer, string(text)
}

func (d *desk) get(path string) (code int, body string) {
	d.t.Helper()
	answer, text := d.ask(http.MethodGet, path, "", nil)
	return answer.StatusCode, text
}

// refused: an error of this status, as JSON, that says why.
func refused(t *testing.T, want int, answer *http.Response, body, why string) {
	t.Helper()
	assert.Equal(t, want, answer.StatusCode, why)
	var said struct{ Error string }
	assert.NoError(t, json.Unmarshal([]byte(body), &said), why+": "+body)
	assert.NotEmpty(t, said.Error, why)
	assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), why)
}

// fake is what an exporter mounts: a queue as the test sets it, and a note of what else was asked.
type fake struct {
	mu     sync.Mutex
	status map[string]any
	asked  []string
	bodies []string
	answer string
}

func (f *fake) says(status map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/status" {
		_ = json.NewEncoder(w).Encode(f.status)
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	f.bodies = append(f.bodies, string(body))
	_, _ = io.WriteString(w, f.answer)
}

func queue(bytes, records float64) map[string]any {
	return map[string]any{
		"sink": "shore", "breaker": map[string]any{"state": "closed"},
		"queue":    map[string]any{"bytes": bytes, "records": records, "batches": 1},
		"counters": map[string]any{"delivered_records": 7, "delivered_bytes": 700},
	}
}
