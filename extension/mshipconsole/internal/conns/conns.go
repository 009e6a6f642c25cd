// Package conns keeps a server's connections few. Where there is no room, the one that
// has kept us waiting for longest has to go, so that a thousand connections that
// say nothing do not keep out the one that asks.
package conns

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limit on the connections of one server.
type Limit struct {
	max int

	mu   sync.Mutex
	open map[net.Conn]*conn
}

// conn is waiting for its client as long as nothing is being answered on it.
type conn struct {
	answering int
	since     time.Time
}

// New makes a limit of max connections.
func New(limit int) *Limit {
	return &Limit{max: limit, open: map[net.Conn]*conn{}}
}

// Apply has the server keep the limit. It is the server's ConnState and ConnContext from then on.
func (l *Limit) Apply(server *http.Server) {
	server.ConnState = l.note
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, key{}, c)
	}
}

type key struct{}

// Answering says that the request has been read in full: its connection stays until the returned function is called.
func (l *Limit) Answering(ctx context.Context) (done func()) {
	c, _ := ctx.Value(key{}).(net.Conn)
	l.add(c, 1)
	return func() { l.add(c, -1) }
}

func (l *Limit) add(c net.Conn, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, ok := l.open[c]; ok {
		found.answering += n
		found.since = time.Now()
	}
}

// Open is how many connections there are.
func (l *Limit) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// CloseWaiting closes the connections on which nothing is being answered: they would hold up a shutdown.
func (l *Limit) CloseWaiting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, found := range l.open {
		if found.answering == 0 {
			l.drop(c)
		}
	}
}

func (l *Limit) note(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.open[c] = &conn{since: time.Now()}
		if len(l.open) > l.max {
			l.drop(l.longestWaiting())
		}
	case http.StateIdle:
		if found, ok := l.open[c]; ok {
			found.since = time.Now()
		}
	case http.StateClosed, http.StateHijacked:
		delete(l.open, c)
	case http.StateActive:
	}
}

// longestWaiting is the newest one where all others are being answered.
func (l *Limit) longestWaiting() (longest net.Conn) {
	for c, found := range l.open {
		if found.answering == 0 && (longest == nil || found.since.Before(l.open[longest].since)) {
			longest = c
		}
	}
	return longest
}

func (l *Limit) drop(c net.Conn) {
	delete(l.open, c)
	// In its own time: a TLS connection says goodbye, to somebody who may not listen.
	go func() { _ = c.Close() }()
}
