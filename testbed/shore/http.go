package shore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

const portalPath = "/portal"

// connKey is the context key of a request's connection; see connOf.
type connKey struct{}

// httpEnd serves OTLP/HTTP on one listener.
type httpEnd struct {
	shore    *Shore
	listener *listener
	server   *http.Server
	running  sync.WaitGroup // the server and its connections
}

func serveHTTP(s *Shore, l *listener) *httpEnd {
	end := &httpEnd{shore: s, listener: l}
	mux := http.NewServeMux()
	for _, signal := range record.Signals() {
		mux.HandleFunc("POST "+signal.Path(), end.export(signal))
	}
	mux.HandleFunc(portalPath, end.portal)
	end.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // resets are the point here
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: end.track,
	}
	end.running.Go(func() { _ = end.serve() }) // always ErrServerClosed
	return end
}

func (h *httpEnd) serve() error {
	if h.shore.identity == nil {
		return h.server.Serve(h.listener)
	}
	h.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*h.shore.identity}, MinVersion: tls.VersionTLS12}
	return h.server.ServeTLS(h.listener, "", "")
}

// connOf finds the connection a request came by.
func connOf(r *http.Request) *conn {
	c := r.Context().Value(connKey{}).(net.Conn)
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*conn)
}

// stop resets all connections and returns when the last handler has.
func (h *httpEnd) stop() {
	h.listener.shut()
	_ = h.server.Close() // everything is closed already; this ends Serve
	h.running.Wait()
}

// track follows a connection from its first state to its last, which it
// reaches only when its handler has returned.
func (h *httpEnd) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		h.running.Add(1)
	case http.StateClosed:
		h.running.Done()
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

func (h *httpEnd) portal(w http.ResponseWriter, _ *http.Request) {
	h.shore.book.hitPortal()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, portalPage) // the client may have gone
}

// export serves one request of the signal.
func (h *httpEnd) export(signal record.Signal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := connOf(r)
		c.serving.Add(1)
		defer c.serving.Add(-1)

		e := h.shore.book.arrive(Request{Protocol: HTTP, Signal: signal, Header: r.Header})
		fate := Fate("")
		defer func() { h.shore.book.finish(e, fate) }()

		if h.shore.resetsEarly() {
			fate = Aborted
			reset(c)
		}
		contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		wire, err := h.read(e, r, contentType)
		if err != nil {
			fate = h.refuse(w, e, err)
			return
		}
		v, released := h.shore.judge(e)
		if h.shore.relays(v) {
			answer, err := h.shore.relay.overHTTP(signal, r, wire)
			v = h.shore.relayed(e, v, answer, err == nil && answer.Status == http.StatusOK, err == nil)
		}
		h.act(w, r, c, signal, contentType, v, released)
	}
}

// read decodes the body into the book, and gives it as it came.
func (h *httpEnd) read(e *Entry, r *http.Request, contentType string) (wire []byte, err error) {
	wire, err = io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, errors.Join(errBrokenOff, err)
	}
	plain, err := readAll(bytes.NewReader(wire), r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	what, err := decode(e.Signal, contentType, plain)
	h.shore.book.read(e, what, len(wire))
	return wire, err
}

var errBrokenOff = errors.New("the client went away")

// refuse answers a request that cannot be decoded.
func (h *httpEnd) refuse(w http.ResponseWriter, e *Entry, err error) Fate {
	if errors.Is(err, errBrokenOff) {
		return BrokenOff
	}
	status := http.StatusBadRequest
	if errors.Is(err, errEncoding) || errors.Is(err, errContentType) {
		status = http.StatusUnsupportedMediaType
	}
	v := Verdict{Reply: Reply{Status: status}}
	h.shore.book.decide(e, v)
	http.Error(w, err.Error(), status)
	return ""
}

// act carries out a verdict.
func (h *httpEnd) act(
	w http.ResponseWriter, r *http.Request, c *conn, signal record.Signal, contentType string,
	v Verdict, released <-chan struct{},
) {
	switch v.Do {
	case Wait:
		select {
		case <-r.Context().Done():
		case <-released:
		}
		reset(c)
	case Abort:
		reset(c)
	case Answer:
		h.answer(w, v.Reply, signal, contentType)
	}
}

// answer writes a reply.
func (h *httpEnd) answer(w http.ResponseWriter, reply Reply, signal record.Signal, contentType string) {
	body := []byte(reply.Body)
	if reply.isOTLP() {
		reply.ContentType = contentType
		body, _ = success(signal, contentType) // an empty message always marshals
	}
	reply.writeHeader(w.Header(), time.Now())
	w.WriteHeader(reply.status())
	_, _ = w.Write(body) // the client may have gone
}

// reset resets the connection and leaves the handler.
func reset(c *conn) {
	c.abort()
	panic(http.ErrAbortHandler)
}
