package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestExport(t *testing.T) {
	r := newRig(t)
	name := r.park(t, 1, "one\n\xff<")
	damaged := r.damage(t, "\x00\xff\n")
	w := r.do(http.MethodGet, "/dead-letters/"+name+"/export", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	assert.Equal(t, `attachment; filename="`+name+`.jsonl"`, w.Header().Get("Content-Disposition"))
	onDisk, err := os.ReadFile(filepath.Join(r.dir, "shore", "logs", name+".jsonl"))
	require.NoError(t, err)
	assert.Equal(t, string(onDisk), w.Body.String())
	assert.Equal(t, 1, strings.Count(w.Body.String(), "\n"))

	w = r.do(http.MethodGet, "/dead-letters/"+damaged+"/export", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	assert.Equal(t, `attachment; filename="`+damaged+`.bin"`, w.Header().Get("Content-Disposition"))
	assert.Equal(t, "\x00\xff\n", w.Body.String())

	for _, file := range []string{name, damaged} { // the JSON beside it says nothing any more
		r.overwrite(t, file, ".json", "<html>")
		assert.Equal(t, http.StatusOK, r.do(http.MethodGet, "/dead-letters/"+file+"/export", "").Code)
	}
	assert.Contains(t, r.do(http.MethodGet, "/dead-letters/export", "").Body.String(), "one")
}

func TestExportOfAll(t *testing.T) {
	r := newRig(t)
	w := r.do(http.MethodGet, "/dead-letters/export", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Body.String())
	names := []string{r.park(t, 1, "one"), r.park(t, 2, "two"), r.park(t, 3, "three")}
	r.damage(t, "\x00\xff\n")
	mended, err := os.ReadFile(filepath.Join(r.dir, "shore", "logs", names[0]+".jsonl"))
	require.NoError(t, err)
	r.overwrite(t, names[0], ".jsonl", strings.TrimSpace(string(mended))) // by an editor
	bodies := func(query string) (out []string) {
		w := r.do(http.MethodGet, "/dead-letters/export"+query, "")
		assert.Equal(t, `attachment; filename="dead-letters.jsonl"`, w.Header().Get("Content-Disposition"))
		for line := range strings.Lines(w.Body.String()) {
			ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(line))
			require.NoError(t, err)
			out = append(out, ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
		}
		return out
	}
	assert.Equal(t, []string{"one", "two", "three"}, bodies(""))
	assert.Equal(t, []string{"two", "three"}, bodies("?from=2023-11-14T22:13:22Z"))
	require.NoError(t, os.Remove(filepath.Join(r.dir, "shore", "logs", names[1]+".jsonl")))
	assert.Equal(t, []string{"one", "three"}, bodies(""), "what is gone meanwhile is not missed")
}

// A file that could not be read to its end must not look whole.
func TestAnExportThatFailsBreaksOff(t *testing.T) {
	r := newRig(t)
	r.park(t, 1, "one")
	name := r.park(t, 2, "two")
	data := filepath.Join(r.dir, "shore", "logs", name+".jsonl")
	require.NoError(t, os.Remove(data))
	require.NoError(t, os.Mkdir(data, 0o700)) // it opens, and cannot be read
	s := httptest.NewUnstartedServer(r)
	s.Config.ErrorLog = nil
	s.Start()
	defer s.Close()
	for _, path := range []string{"/dead-letters/export", "/dead-letters/" + name + "/export"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		require.NoError(t, err)
		resp, err := s.Client().Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, resp.Body.Close())
		}
		assert.Error(t, err, path)
	}
}

// Who hangs up ends it, without a panic that somebody would have to look into.
func TestAnExportThatNobodyReads(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.park(t, n, "hello")
	}
	for _, path := range []string{"/dead-letters/export", "/dead-letters/" + r.park(t, 9, "x") + "/export"} {
		ctx, cancel := context.WithCancel(t.Context())
		w := &broken{ResponseRecorder: httptest.NewRecorder(), hangUp: cancel}
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx))
		assert.Equal(t, 1, w.writes)
	}
}

// broken is a connection that ends with the first byte.
type broken struct {
	*httptest.ResponseRecorder
	hangUp func()
	writes int
}

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	b.hangUp()
	return 0, errors.New("broken pipe")
}
