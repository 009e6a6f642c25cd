package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	// leastProgress is how many bytes must move to count: a keep-alive ping alone is no progress.
	leastProgress = 64
	// dialGrace is how long an attempt lives on after a dial failed: another address may answer.
	dialGrace = time.Second
	// shortestTick and longestTick bound how often an attempt is looked at.
	shortestTick = 5 * time.Millisecond
	longestTick  = 250 * time.Millisecond
)

var errSilent = errors.New("the far end is silent")

// silence ends an attempt when the far end neither takes bytes nor answers for
// the limit. It measures silence, not duration: an upload that moves lives on,
// however slow the link.
type silence struct {
	limit  time.Duration
	cancel context.CancelCauseFunc
	armed  atomic.Bool
	conn   atomic.Pointer[conn]
	// forsaken: a connection that the attempt was on before was given up (gRPC only).
	forsaken atomic.Bool
	// written is where the request ends among the bytes of the connection, once
	// it is written; 0 before, and where the connection is its own (HTTP/1.1) or
	// does not tell (gRPC).
	written atomic.Int64
	// answering: the answer has begun to come (HTTP).
	answering atomic.Bool
	// share is how much the connection carries at the most until the request has
	// gone with it; 0 if nobody knows (gRPC).
	share int64
	// held, if set, tells whether a dial waits for the link (gRPC only: HTTP is not
	// armed before).
	held func() bool
	// dialFailed is the latest failed dial since the attempt began and since one
	// succeeded (gRPC only: there it does not end the call).
	dialFailed atomic.Pointer[dialFailure]
}

type dialFailure struct {
	at  time.Time
	err error
}

// listen derives a context that ends with the silence. Every listen needs its
// stop. arrange, if set, runs before the listening begins: a connection that it
// names is no news then, and a dial that fails after it is.
func listen(ctx context.Context, limit time.Duration, arrange func(*silence)) (context.Context, *silence) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &silence{limit: limit, cancel: cancel}
	if arrange != nil {
		arrange(s)
	}
	go s.run(ctx, time.Now(), follow(s.conn.Load()))
	return ctx, s
}

func (s *silence) stop() { s.cancel(nil) }

// trace arms the clock when the attempt goes to the network; waiting for a
// free connection (max_conns_per_host) is not the far end's silence.
func (s *silence) trace() *httptrace.ClientTrace {
	arm := func() { s.armed.Store(true) }
	shared := false
	return &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { arm() },
		ConnectStart: func(string, string) { arm() },
		GotConn: func(info httptrace.GotConnInfo) {
			if c := unwrap(info.Conn); c != nil {
				s.conn.Store(c)
			}
			shared = isHTTP2(info.Conn)
			arm()
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			// HTTP/1.1 says so while a part of the body may wait in its buffer.
			if c := s.conn.Load(); shared && c != nil && info.Err == nil {
				s.written.Store(c.written.Load())
			}
		},
		GotFirstResponseByte: func() { s.answering.Store(true) },
	}
}

func isHTTP2(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}

func (s *silence) run(ctx context.Context, heard time.Time, m movement) {
	tick := time.NewTicker(min(max(s.limit/20, shortestTick), longestTick))
	defer tick.Stop()
	gone, last := false, heard
	var failed *dialFailure
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if !s.armed.Load() {
				heard, last = now, now
				continue
			}
			moved := m.on(s.conn.Load())
			if moved {
				last = now
			}
			if f := s.dialFailed.Load(); f != failed {
				failed, moved = f, false // it may have moved before the dial failed
			}
			if moved && !gone || s.waits() {
				heard = now
			}
			gone = s.gone(m)
			if cause := s.over(now, heard); cause != nil {
				if now.Sub(last) >= s.limit {
					s.abandon()
				}
				s.cancel(cause)
				return
			}
		}
	}
}

// waits tells whether the link keeps the attempt waiting. That is nobody's silence.
func (s *silence) waits() bool {
	c := s.conn.Load()
	return c != nil && c.waiting() || s.held != nil && s.held()
}

// gone tells whether the whole request has gone out on the connection. From
// then on only an answer is a sign of life: what else moves on a connection
// that is shared (HTTP/2, gRPC) is the other requests.
func (s *silence) gone(m movement) bool {
	switch {
	case m.conn == nil || m.conn != s.conn.Load() || s.answering.Load():
		return false
	case s.share > 0:
		return m.conn.sent() > m.start+s.share
	default:
		end := s.written.Load()
		return end > 0 && m.conn.sent() >= end
	}
}

// movement tells whether anything moved since it was last asked.
type movement struct {
	conn     *conn
	start    int64 // what was written before
	progress int64
}

func follow(c *conn) movement {
	m := movement{conn: c}
	if c != nil {
		m.start = c.written.Load()
	}
	m.moved()
	return m
}

// on asks about a connection; a new one is a movement.
func (m *movement) on(c *conn) bool {
	if c == m.conn {
		return m.moved()
	}
	*m = follow(c)
	return true
}

func (m *movement) moved() bool {
	if m.conn == nil {
		return false
	}
	p := m.conn.progress()
	if p-m.progress < leastProgress {
		return false
	}
	m.progress = p
	return true
}

func (s *silence) over(now, heard time.Time) error {
	if f := s.dialFailed.Load(); f != nil && heard.Before(f.at) && now.Sub(f.at) >= dialGrace {
		return f.err
	}
	if now.Sub(heard) >= s.limit {
		return fmt.Errorf("%w: nothing moved for %s", errSilent, s.limit)
	}
	return nil
}

// failure says why the attempt failed. Where there was a connection, and the far
// end was not silent, it broke.
func (s *silence) failure(ctx context.Context, err error) delivery.Reply {
	cause := context.Cause(ctx)
	if s.abandoned() && cause == nil {
		cause = errSilent
	}
	switch {
	case errors.Is(cause, errSilent):
		return delivery.Reply{Timeout: true, Err: cause, Message: "no answer"}
	case cause != nil && !errors.Is(cause, context.Canceled):
		return delivery.Reply{Err: cause, Message: "no connection"}
	default:
		return delivery.Reply{Err: err, Message: "no connection", Broken: s.conn.Load() != nil}
	}
}
