package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// took is what a listener accepts, and whether anything was said.
func took(t *testing.T) (address string, said <-chan int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bytes := make(chan int, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			n, _ := c.Read(make([]byte, 100))
			bytes <- n
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), bytes
}

func heard(t *testing.T, said <-chan int) int {
	t.Helper()
	select {
	case n := <-said:
		return n
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nobody connected")
		return 0
	}
}

// A connect goes where the sink's own went, says nothing and ends.
func TestReachGoesWhereTheSinkDials(t *testing.T) {
	unproxied(t)
	for name, attempt := range map[string]func(t *testing.T, p *Probe, address string){
		"http": func(t *testing.T, p *Probe, address string) {
			_, _, err := post(t, client(t, p), "http://"+address, protobuf, []byte("x"))
			require.Error(t, err)
		},
		"grpc": func(t *testing.T, p *Probe, address string) {
			_, _, err := export(t, dialLogs(t, p, address), 1)
			require.Error(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, said := took(t)
			var dialed []string
			p := &Probe{Silence: 5 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				dialed = append(dialed, network+" "+address)
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}}
			assert.False(t, p.Reachable(), "nothing was dialled yet")
			require.Error(t, p.Reach(t.Context()))
			assert.Empty(t, dialed)

			attempt(t, p, address)
			require.Positive(t, heard(t, said))
			require.True(t, p.Reachable())
			before := len(dialed)
			require.NoError(t, p.Reach(t.Context()))
			assert.Zero(t, heard(t, said), "a bare connect")
			require.Len(t, dialed, before+1, "over the link")
			assert.Equal(t, "tcp "+address, dialed[before])
		})
	}
}

func TestReachFailsAsADialDoes(t *testing.T) {
	down := errors.New("no route to host")
	p := &Probe{Silence: 5 * time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, down }}
	_, _, err := post(t, client(t, p), "http://shore.test:4318", protobuf, []byte("x"))
	require.ErrorIs(t, err, down)
	require.True(t, p.Reachable(), "it is known though nobody was ever reached")
	require.ErrorIs(t, p.Reach(t.Context()), down)
}

// A connect to a proxy proves nothing about what is behind it.
func TestBehindAProxyNothingIsReachable(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	}))
	defer proxy.Close()
	p := &Probe{Silence: 5 * time.Second}
	at, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	c := client(t, p, func(tr *http.Transport) { tr.Proxy = http.ProxyURL(at) })
	_, _, err = post(t, c, "http://shore.test:4318", protobuf, []byte("x"))
	require.NoError(t, err)
	assert.False(t, p.Reachable())
	assert.ErrorIs(t, p.Reach(t.Context()), errNowhere)
}
