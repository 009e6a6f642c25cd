package grpcdial

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// connectThrough asks an HTTP proxy for a tunnel.
func (d Dialer) connectThrough(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	if proxy.Scheme != "http" {
		return nil, fmt.Errorf("HTTPS_PROXY: gRPC goes through proxies of the scheme http only, found %q", proxy.Scheme)
	}
	host := proxy.Host
	if proxy.Port() == "" {
		host = net.JoinHostPort(proxy.Hostname(), "80")
	}
	c, err := d.Dial(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("the proxy %s: %w", host, err)
	}
	tunnel, err := openTunnel(ctx, c, proxy, address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the proxy %s: %w", host, err), c.Close())
	}
	return tunnel, nil
}

func openTunnel(ctx context.Context, c net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: address}, Host: address, Header: http.Header{"User-Agent": {"otelcol-mship"}}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(c); err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers CONNECT with %s", resp.Status)
	}
	return &tunnel{Conn: c, from: r}, ctx.Err()
}

// tunnel reads what has come already first: the far end may speak before it is spoken to.
type tunnel struct {
	net.Conn
	from *bufio.Reader
}

// Read implements net.Conn.
func (t *tunnel) Read(p []byte) (int, error) {
	if t.from.Buffered() > 0 {
		return t.from.Read(p)
	}
	return t.Conn.Read(p)
}

// NetConn is the connection below.
func (t *tunnel) NetConn() net.Conn { return t.Conn }
