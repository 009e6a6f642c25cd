package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// silent is the limit of most tests here. What is expected not to time out has
// a wide margin over it or under it.
const silent = 200 * time.Millisecond

func noise(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

func TestAFarEndThatNeverAnswers(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-gone
	}))
	defer s.Close()
	defer close(gone)
	reply, seen, err := post(t, client(t, &Probe{Silence: silent}), s.URL, protobuf, []byte("x"))
	require.Error(t, err)
	assert.True(t, seen)
	assert.True(t, reply.Timeout)
	assert.ErrorIs(t, reply.Err, errSilent)
}

// reader accepts connections and hands each to read.
func reader(t *testing.T, read func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			// A small window, so that what is not read is not taken; not smaller
			// than loopback's segments of 64 KiB, or the kernel only sends by timer.
			_ = c.(*net.TCPConn).SetReadBuffer(256 << 10)
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			read(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	return "http://" + l.Addr().String()
}

func TestAFarEndThatAcceptsAndNeverReads(t *testing.T) {
	stop := make(chan struct{})
	url := reader(t, func(net.Conn) { <-stop })
	defer close(stop)
	reply, _, err := post(t, client(t, &Probe{Silence: silent}), url, protobuf, noise(t, 16<<20))
	require.Error(t, err)
	assert.True(t, reply.Timeout)
}

// An upload that takes many times the limit, and moves all the while, lives.
func TestAnUploadThatMovesIsNotCut(t *testing.T) {
	const size = 16 << 20
	const limit = 3 * silent // a busy machine may let go of the reader for a moment
	url := reader(t, func(c net.Conn) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		buf := make([]byte, 64<<10)
		for total := 0; total < size; {
			<-tick.C
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			total += n
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	begin := time.Now()
	reply, _, err := post(t, client(t, &Probe{Silence: limit}), url, protobuf, noise(t, size))
	require.NoError(t, err)
	assert.True(t, reply.Accepted)
	assert.Greater(t, time.Since(begin), 4*limit, "the test is about slow uploads")
}

// Waiting for one of few connections is not the far end's silence.
func TestWaitingForAConnectionIsNotSilence(t *testing.T) {
	release := make(chan struct{})
	first := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("First") != "" {
			close(first)
			<-release
		}
		w.Header().Set("Content-Type", protobuf)
	}))
	defer s.Close()
	one := client(t, &Probe{Silence: time.Minute}, func(tr *http.Transport) { tr.MaxConnsPerHost = 1 })
	// The second client has a short limit and shares the one connection.
	two := &http.Client{Transport: &roundTripper{probe: &Probe{Silence: silent}, next: one.Transport.(*roundTripper).next}}

	answered := make(chan struct{})
	go func() {
		defer close(answered)
		attempt(one, s.URL, "First")
	}()
	<-first
	time.AfterFunc(4*silent, func() { close(release) })
	reply, _, err := post(t, two, s.URL, protobuf, []byte("y"))
	require.NoError(t, err)
	assert.True(t, reply.Accepted)
	<-answered
}

// On HTTP/2 the requests share a connection. What moves there for the others is
// no sign of life for one that waits for its answer.
func TestAFarEndThatAnswersOnlyOthersOverHTTP2(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("Mute") != "" {
			<-gone
		}
		w.Header().Set("Content-Type", protobuf)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	defer close(gone)
	c := client(t, &Probe{Silence: silent}, func(tr *http.Transport) {
		tr.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	})
	reply, _, err := post(t, c, s.URL, protobuf, []byte("x")) // the connection stands
	require.NoError(t, err)
	require.True(t, reply.Accepted)
	stop := busy(func() { attempt(c, s.URL, "Other") })
	defer stop()
	reply, _, err = post(t, c, s.URL, protobuf, noise(t, 1<<20), "Mute", "1")
	require.Error(t, err)
	assert.True(t, reply.Timeout)
}

// busy calls f again and again until it is stopped.
func busy(f func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
				f()
			}
		}
	}()
	return func() { close(end); <-ended }
}

// attempt sends something with a header and forgets what comes back.
func attempt(c *http.Client, url, header string) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("x"))
	if err != nil {
		return
	}
	req.Header.Set(header, "1")
	if resp, err := c.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// still is a connection on which bytes have moved, and move no more.
func still(moved int64) *conn {
	c := watch(nil)
	c.read.Store(moved)
	return c
}

// What moved on the connection that was lost, and is looked at after the next
// dial has failed, is no sign of life: the attempt would wait out the silence.
func TestADialThatFailsAfterAMovement(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(*silence){
		"nothing more":  func(*silence) {},
		"a connection":  func(s *silence) { s.dialFailed.Store(nil); s.conn.Store(still(0)) },
		"more movement": func(s *silence) { s.conn.Load().read.Add(leastProgress) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, s := listen(t.Context(), time.Minute, func(s *silence) {
					s.conn.Store(still(0))
					s.armed.Store(true)
				})
				defer s.stop()
				time.Sleep(time.Millisecond)
				s.conn.Load().read.Add(leastProgress)
				time.Sleep(time.Millisecond)
				refused := errors.New("connection refused")
				s.dialFailed.Store(&dialFailure{at: time.Now(), err: refused})
				time.Sleep(longestTick + time.Millisecond)
				then(s)
				time.Sleep(dialGrace + longestTick)
				synctest.Wait()
				if name == "nothing more" {
					assert.Equal(t, refused, context.Cause(ctx))
				} else {
					assert.NoError(t, ctx.Err())
				}
			})
		})
	}
}

// held is a connection that the link holds back.
type held struct {
	net.Conn
	waits atomic.Bool
}

func (h *held) Waiting() bool { return h.waits.Load() }

func (h *held) Close() error { return nil }

// What the link holds back does not time out; what it lets go may.
func TestWaitingForTheLinkIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		link := &held{}
		link.waits.Store(true)
		ctx, s := listen(t.Context(), time.Minute, func(s *silence) {
			s.conn.Store(watch(link))
			s.armed.Store(true)
		})
		defer s.stop()
		time.Sleep(24 * time.Hour)
		require.NoError(t, ctx.Err())
		link.waits.Store(false)
		time.Sleep(time.Minute + longestTick)
		synctest.Wait()
		assert.ErrorIs(t, context.Cause(ctx), errSilent)
	})
}
