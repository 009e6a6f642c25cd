// Package proxytest is an HTTP proxy that opens tunnels, for tests.
package proxytest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy leads every tunnel to one address. It is safe for concurrent use.
type Proxy struct {
	target string

	mu    sync.Mutex
	asked []string
	auth  string
	deaf  bool
	url   string
}

// Start a proxy that leads to target until the test ends.
func Start(t *testing.T, target string) *Proxy {
	t.Helper()
	p := &Proxy{target: target}
	server := httptest.NewServer(p)
	p.url = server.URL
	t.Cleanup(server.Close)
	return p
}

// URL of the proxy, with these credentials where user is set.
func (p *Proxy) URL(t *testing.T, user *url.Userinfo) *url.URL {
	t.Helper()
	u, err := url.Parse(p.url)
	require.NoError(t, err)
	u.User = user
	return u
}

// Asked are the method and host of each request, in order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

// Authorization is what the last request said of itself.
func (p *Proxy) Authorization() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.auth
}

// Refuse every tunnel from now on, as not found.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = true
}

func (p *Proxy) note(r *http.Request) (refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.auth = append(p.asked, r.Method+" "+r.Host), r.Header.Get("Proxy-Authorization")
	return p.deaf
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.note(r) {
		http.NotFound(w, r)
		return
	}
	up, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = up.Close()
		return
	}
	_, _ = c.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
	go relay(up, rw.Reader, c)
	relay(c, bufio.NewReader(up), up)
}

func relay(to net.Conn, from io.Reader, source net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = source.Close()
}
