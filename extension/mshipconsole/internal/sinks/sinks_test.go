package sinks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func mount(t *testing.T, m *sinks.Mounts, h http.HandlerFunc) *sinks.Sink {
	t.Helper()
	unmount, err := m.Mount("shore", h)
	require.NoError(t, err)
	t.Cleanup(unmount)
	s, ok := m.Get("shore")
	require.True(t, ok)
	return s
}

func newMounts() *sinks.Mounts { return sinks.New("sink", 5*time.Second, zap.NewNop()) }

func TestNames(t *testing.T) {
	t.Parallel()
	m := newMounts()
	for _, name := range []string{"", ".", "..", strings.Repeat("a", 257)} {
		_, err := m.Mount(name, says("{}"))
		require.ErrorContains(t, err, "cannot show a sink under the name", name)
	}
	_, err := m.Mount("a", nil)
	require.ErrorContains(t, err, "no handler")
	strange := "<b>\x00\xff/../ü"
	unmount, err := m.Mount(strange, says("{}"))
	require.NoError(t, err)
	_, err = m.Mount(strange, says("{}"))
	require.ErrorContains(t, err, "already")
	unmount()
	again, err := m.Mount(strange, says("{}"))
	require.NoError(t, err)
	unmount() // the second time it does nothing
	require.Len(t, m.All(), 1)
	again()
	assert.Empty(t, m.All())
}

func TestSinksAreBounded(t *testing.T) {
	t.Parallel()
	m := newMounts()
	for i := range 64 {
		_, err := m.Mount(fmt.Sprint("sink ", i), says("{}"))
		require.NoError(t, err)
	}
	_, err := m.Mount("one more", says("{}"))
	require.ErrorContains(t, err, "64 sinks already")
}

func TestAsk(t *testing.T) {
	t.Parallel()
	s := mount(t, newMounts(), says(`{"queue":{"bytes":7,"records":2},"of tomorrow":[1]}`))
	answer, err := s.Ask(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 7.0, answer.Status.Queue.Bytes)
	assert.JSONEq(t, "[1]", string(answer.Fields["of tomorrow"]))
}

func TestASinkThatTalksNonsense(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]http.HandlerFunc{
		"is not the JSON":            says("<html>"),
		"not the JSON":               says("null"),
		"not the JSON that":          says(`{"queue":[]}`),
		"longer than 1 MiB":          says(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`),
		"with 503 Service Unavailab": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"the sink failed":            func(http.ResponseWriter, *http.Request) { panic("in the sink") },
	} {
		_, err := mount(t, newMounts(), h).Ask(t.Context())
		require.ErrorContains(t, err, want)
	}
}

func TestAPanicIsLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	s := mount(t, sinks.New("sink", time.Second, zap.New(core)), func(http.ResponseWriter, *http.Request) { panic("in the sink") })
	require.Error(t, s.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody), "/x", time.Second))
	entry := logs.FilterMessageSnippet("panicked").All()
	require.Len(t, entry, 1)
	assert.Equal(t, "shore", entry[0].ContextMap()["sink"])
	assert.Contains(t, entry[0].ContextMap()["stack"], "sinks_test")
}

// Half an answer must not look like a whole one.
func TestAPanicInTheMiddleBreaksTheAnswer(t *testing.T) {
	t.Parallel()
	s := mount(t, newMounts(), func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("in the sink")
	})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		_ = s.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody), "/x", time.Second)
	})
}

func TestASinkThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		free := make(chan struct{})
		m := newMounts()
		s := mount(t, m, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			<-free // whatever its context says
			_, _ = io.WriteString(w, "{}")
		})
		begin := time.Now()
		for range 100 {
			_, err := s.Ask(t.Context())
			require.ErrorContains(t, err, "does not answer")
		}
		assert.Equal(t, 200*time.Second, time.Since(begin))
		assert.EqualValues(t, 1, calls.Load(), "one that hangs is not asked again")
		close(free)
		synctest.Wait()
		_, err := s.Ask(t.Context())
		require.NoError(t, err)
	})
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s := mount(t, newMounts(), func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, "{}")
		})
		for range 50 {
			go func() {
				_, err := s.Ask(t.Context())
				assert.NoError(t, err)
			}()
		}
		time.Sleep(2 * time.Second)
		assert.EqualValues(t, 1, calls.Load())
	})
}

func TestWhatTheSinkSees(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	s := mount(t, newMounts(), func(_ http.ResponseWriter, r *http.Request) { seen = r })
	r := httptest.NewRequest(http.MethodPost, "/api/v1/sinks/shore/dead-letters/replay?a=b%20c", strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Cookie", "secret")
	require.NoError(t, s.Serve(httptest.NewRecorder(), r, "/dead-letters/replay", time.Second))
	assert.Equal(t, "/dead-letters/replay", seen.URL.Path)
	assert.Equal(t, "b c", seen.URL.Query().Get("a"))
	assert.Equal(t, "/dead-letters/replay?a=b%20c", seen.RequestURI)
	assert.NotContains(t, fmt.Sprint(seen.Header), "secret")
	assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"), "the request is left as it was")
}

func TestOneSinkDoesNotTakeAllConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mount(t, newMounts(), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithCancel(t.Context())
		request := func() error {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx)
			return s.Serve(httptest.NewRecorder(), r, "/x", time.Second)
		}
		for range 8 {
			go func() { assert.NoError(t, request()) }()
		}
		synctest.Wait()
		require.ErrorIs(t, request(), sinks.ErrBusy)
		cancel()
		synctest.Wait()
		require.NoError(t, request())
	})
}

func TestUnmountEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMounts()
		var ended atomic.Bool
		unmount, err := m.Mount("shore", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(100 * time.Millisecond)
			ended.Store(true)
		}))
		require.NoError(t, err)
		s, _ := m.Get("shore")
		request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		go func() { assert.NoError(t, s.Serve(httptest.NewRecorder(), request, "/x", time.Second)) }()
		synctest.Wait()
		unmount()
		assert.True(t, ended.Load(), "unmount waits for it")
		require.Error(t, s.Serve(httptest.NewRecorder(), request, "/x", time.Second), "and nothing comes after it")
		_, err = s.Ask(t.Context())
		require.Error(t, err)
	})
}

func TestUnmountDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, free := newMounts(), make(chan struct{})
		unmount, err := m.Mount("shore", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-free }))
		require.NoError(t, err)
		s, _ := m.Get("shore")
		go func() { _, _ = s.Ask(t.Context()) }()
		synctest.Wait()
		begin := time.Now()
		unmount()
		assert.Equal(t, 2*time.Second, time.Since(begin))
		close(free)
		synctest.Wait()
	})
}
