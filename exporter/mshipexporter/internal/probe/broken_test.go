package probe

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A connection that broke under a request is told apart from one that was never
// made, and from an answer.
func TestAConnectionThatBreaksUnderARequest(t *testing.T) {
	closed := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		return "http://" + l.Addr().String()
	}()
	says := func(words string) string {
		return reader(t, func(c net.Conn) {
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(c, words)
			}
		})
	}
	for name, c := range map[string]struct {
		url    string
		broken bool
	}{
		"it closes":                   {says(""), true},
		"in the middle of the answer": {says("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\nx"), true},
		"an answer":                   {says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), false},
		"nobody listens":              {closed, false},
	} {
		t.Run(name, func(t *testing.T) {
			reply, seen, _ := post(t, client(t, &Probe{Silence: 10 * time.Second}), c.url, protobuf, []byte("x"))
			require.True(t, seen)
			assert.False(t, reply.Accepted)
			assert.Equal(t, c.broken, reply.Broken)
		})
	}
}

func TestASilenceBreaksNothing(t *testing.T) {
	stop := make(chan struct{})
	url := reader(t, func(net.Conn) { <-stop })
	defer close(stop)
	reply, _, err := post(t, client(t, &Probe{Silence: silent}), url, protobuf, []byte("x"))
	require.Error(t, err)
	assert.True(t, reply.Timeout)
	assert.False(t, reply.Broken)
}

func TestAGRPCConnectionThatBreaksUnderARequest(t *testing.T) {
	for name, c := range map[string]struct {
		answer error // nil: the connection breaks
		broken bool
	}{
		"it breaks":             {nil, true},
		"unavailable, it says":  {status.Error(codes.Unavailable, "later"), false},
		"it has had enough":     {status.Error(codes.ResourceExhausted, "quota"), false},
		"it crashed over this ": {status.Error(codes.Internal, "panic"), false},
	} {
		t.Run(name, func(t *testing.T) {
			called := make(chan struct{}, 1)
			address, stop := serve(t, "127.0.0.1:0", func(ctx context.Context) error {
				if c.answer != nil {
					return c.answer
				}
				called <- struct{}{}
				<-ctx.Done()
				return nil
			})
			if c.answer == nil {
				go func() { <-called; stop() }()
			}
			reply, seen, err := export(t, dialLogs(t, &Probe{Silence: time.Minute}, address), 1)
			require.Error(t, err)
			require.True(t, seen)
			assert.Equal(t, c.broken, reply.Broken, reply.Message)
			assert.NotZero(t, reply.Status)
		})
	}
}

func TestARefusedGRPCDialBreaksNothing(t *testing.T) {
	address, stop := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	c := dialLogs(t, &Probe{Silence: time.Minute}, address)
	_, _, err := export(t, c, 1)
	require.NoError(t, err)
	stop()
	require.Eventually(t, func() bool { // the first may meet the connection as it breaks
		reply, _, err := export(t, c, 1)
		return err != nil && !reply.Broken && !reply.Timeout
	}, 20*time.Second, time.Millisecond)
}
