package probe

import (
	"context"
	"errors"
	"fmt"
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
	// dialFailed is the latest failed dial since the attempt began (gRPC only: there it does not end the call).
	dialFailed atomic.Pointer[dialFailure]
}

type dialFailure struct {
	at  time.Time
	err error
}

// listen derives a context that ends with the silence. Every listen needs its stop.
func listen(ctx context.Context, limit time.Duration) (context.Context, *silence) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &silence{limit: limit, cancel: cancel}
	go s.run(ctx)
	return ctx, s
}

func (s *silence) stop() { s.cancel(nil) }

// trace arms the clock when the attempt goes to the network; waiting for a
// free connection (max_conns_per_host) is not the far end's silence.
func (s *silence) trace() *httptrace.ClientTrace {
	arm := func() { s.armed.Store(true) }
	return &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { arm() },
		ConnectStart: func(string, string) { arm() },
		GotConn: func(info httptrace.GotConnInfo) {
			if c := unwrap(info.Conn); c != nil {
				s.conn.Store(c)
			}
			arm()
		},
	}
}

func (s *silence) run(ctx context.Context) {
	tick := time.NewTicker(min(max(s.limit/20, shortestTick), longestTick))
	defer tick.Stop()
	heard, m := time.Now(), movement{conn: s.conn.Load()}
	m.moved()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if !s.armed.Load() {
				heard = now
				continue
			}
			if m.on(s.conn.Load()) {
				heard = now
			}
			if cause := s.over(now, heard); cause != nil {
				s.cancel(cause)
				return
			}
		}
	}
}

// movement tells whether anything moved since it was last asked.
type movement struct {
	conn     *conn
	progress int64
}

// on asks about a connection; a new one is a movement.
func (m *movement) on(c *conn) bool {
	if c == m.conn {
		return m.moved()
	}
	*m = movement{conn: c}
	m.moved()
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

// failure says why the attempt failed.
func (s *silence) failure(ctx context.Context, err error) delivery.Reply {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errSilent):
		return delivery.Reply{Timeout: true, Err: cause, Message: "no answer"}
	case cause != nil && !errors.Is(cause, context.Canceled):
		return delivery.Reply{Err: cause, Message: "no connection"}
	default:
		return delivery.Reply{Err: err, Message: "no connection"}
	}
}
