package conns_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/conns"
)

const (
	limit    = 4
	patience = 30 * time.Second
)

// serve answers "/" at once and everything else when the test ends.
func serve(t *testing.T) (*conns.Limit, string) {
	t.Helper()
	l, end := conns.New(limit), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer l.Answering(r.Context())()
		if r.URL.Path != "/" {
			_ = http.NewResponseController(w).Flush()
			<-end
		}
	}))
	l.Apply(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(end) })
	return l, server.Listener.Addr().String()
}

func dial(t *testing.T, address, says string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, says)
	require.NoError(t, err)
	return c
}

// isClosed waits for the end of the connection, which an answer may precede.
func isClosed(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is still open")
}

func answers(t *testing.T, c net.Conn) bool {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	return err == nil && r.StatusCode == http.StatusOK
}

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func TestWhoSaysNothingForLongestHasToGo(t *testing.T) {
	t.Parallel()
	l, address := serve(t)
	silent := make([]net.Conn, limit)
	for i := range silent {
		silent[i] = dial(t, address, "GET / HT")
		require.Eventually(t, func() bool { return l.Open() == i+1 }, patience, time.Millisecond)
	}
	assert.True(t, answers(t, dial(t, address, request)))
	isClosed(t, silent[0])
	_, err := io.WriteString(silent[3], "TP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	assert.True(t, answers(t, silent[3]), "there was no need to close this one")
	assert.LessOrEqual(t, l.Open(), limit)
}

func TestWhoIsBeingAnsweredStays(t *testing.T) {
	t.Parallel()
	l, address := serve(t)
	busy := make([]net.Conn, limit)
	for i := range busy {
		busy[i] = dial(t, address, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.True(t, answers(t, busy[i]))
	}
	isClosed(t, dial(t, address, ""))
	assert.Equal(t, limit, l.Open())
}

func TestAShutdownWaitsForNobodyWhoIsSilent(t *testing.T) {
	t.Parallel()
	l, address := serve(t)
	silent := dial(t, address, "GET / HT")
	require.Eventually(t, func() bool { return l.Open() == 1 }, patience, time.Millisecond)
	l.CloseWaiting()
	isClosed(t, silent)
	assert.Zero(t, l.Open())
}
