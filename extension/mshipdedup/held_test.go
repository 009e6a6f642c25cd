package mshipdedup

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Handlers that do with an answer what the otlp receiver never does.
func TestAnswersOfAllKinds(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), maxHeld/2+1)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  int // 0 is a broken connection
		body    []byte
		taken   bool
	}{
		"silent":     {func(http.ResponseWriter, *http.Request) {}, 200, nil, true},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204, nil, true},
		"not found":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, 404, nil, false},
		"says it twice": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.WriteHeader(http.StatusOK)
		}, 503, nil, false},
		"early hint": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadRequest)
		}, 400, nil, false},
		"large": {func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = w.Write(large)
			}
		}, 200, bytes.Repeat(large, 3), true},
		"flushed": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
		}, 200, []byte("onetwo"), true},
		"aborted": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		}, 0, nil, false},
		"hijacked": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			conn, _, err := http.NewResponseController(w).Hijack()
			assert.NoError(t, err)
			assert.NoError(t, conn.Close())
		}, 0, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			s := ashore(t, nil)
			wrap, err := s.ext.GetHTTPHandler(t.Context())
			require.NoError(t, err)
			handler, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tries.Add(1); c.handler(w, r) }))
			require.NoError(t, err)
			server := httptest.NewServer(handler)
			defer server.Close()
			at := &shore{http: server.URL, client: server.Client()}
			got, err := send(t.Context(), at, typeProtobuf, "/v1/logs", nil, "one")
			if c.status == 0 {
				require.Error(t, err)
			} else {
				require.NotNil(t, got)
				assert.Equal(t, c.status, got.status)
				assert.True(t, bytes.Equal(c.body, got.body))
			}
			_, _ = send(t.Context(), at, typeProtobuf, "/v1/logs", nil, "one")
			assert.Equal(t, c.taken, tries.Load() == 1, "tries %d", tries.Load())
		})
	}
}
