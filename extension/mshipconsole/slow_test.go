package mshipconsole

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A thousand clients that say little and slowly, in every place where one can be slow, and one with a question.
func TestAThousandSlowConnections(t *testing.T) {
	t.Parallel()
	d := up(t)
	shore := &fake{}
	shore.says(queue(1, 1))
	d.shows("shore", shore)
	d.http.Transport.(*http.Transport).DisableKeepAlives = true
	says := []string{
		"",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"POST /api/v1/sinks/shore/dead-letters/purge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	}
	var slow sync.WaitGroup
	t.Cleanup(slow.Wait)
	for i := range 1000 {
		c, err := net.Dial("tcp", d.address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, says[i%len(says)]) // it may be closed already
		if i%100 == 0 {
			begin := time.Now()
			code, _ := d.get("/api/v1/sinks")
			assert.Equal(t, http.StatusOK, code)
			assert.Less(t, time.Since(begin), 5*time.Second)
		}
	}
	require.Eventually(t, func() bool { return d.conns.Open() <= 64 }, patience, time.Millisecond)
	code, body := d.get("/api/v1/sinks/shore")
	assert.Equal(t, http.StatusOK, code, body)
	assert.Empty(t, shore.asked)
	begin := time.Now()
	require.NoError(t, d.Shutdown(t.Context()))
	assert.Less(t, time.Since(begin), 3*time.Second, "nobody who is slow holds up a stop")
}

// A long answer to a slow client goes on as long as the client takes something.
func TestAnExportThatTakesItsTime(t *testing.T) {
	t.Parallel()
	const pieces = 8
	d := up(t, func(c *Config) { c.Server.WriteTimeout = time.Second })
	d.shows("shore", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range pieces {
			_, _ = io.WriteString(w, "piece\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(250 * time.Millisecond)
		}
	}))
	code, body := d.get("/api/v1/sinks/shore/dead-letters/export")
	assert.Equal(t, http.StatusOK, code)
	assert.Len(t, body, pieces*len("piece\n"))
}

// A client that takes nothing is let go.
func TestAClientThatTakesNothing(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	d := up(t, func(c *Config) { c.Server.WriteTimeout = 200 * time.Millisecond })
	d.shows("shore", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for piece := make([]byte, 1<<20); ; {
			if _, err := w.Write(piece); err != nil {
				close(ended)
				return
			}
		}
	}))
	c, err := net.Dial("tcp", d.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, "GET /api/v1/sinks/shore/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it is still written to")
	}
}
