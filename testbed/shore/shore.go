// Package shore is a far end that decodes OTLP over HTTP and gRPC, counts
// every record by its number, and misbehaves on command.
//
//	HTTP  ──▶ conn ──▶ decode ─┐
//	                           ├─▶ judge (the current Fault) ──▶ book ──▶ answer
//	gRPC  ──▶ conn ──▶ decode ─┘
//
// A request is judged and booked in one step, so that after SetFault returns
// no request is judged by the old fault any more. Only where a server stands
// behind the shore (see RelayTo) the booking waits for what that one says.
package shore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Shore is a scripted far end on loopback. It is safe for concurrent use.
type Shore struct {
	book  *book
	hole  *hole
	pace  *pace
	relay *relay // nil unless there is a server behind it

	mu       sync.Mutex // guards the fields below
	fault    Fault
	released chan struct{} // closed when fault is replaced
	http     *httpEnd      // nil while down
	grpc     *grpcEnd      // nil while down
	httpPort int
	grpcPort int
	patience time.Duration    // how long Up waits for a port that is taken
	identity *tls.Certificate // of HTTPS; nil is HTTP
}

// Option changes how a Shore starts.
type Option func(*Shore)

// WithPorts fixes the two ports; 0 lets the kernel choose.
func WithPorts(httpPort, grpcPort int) Option {
	return func(s *Shore) { s.httpPort, s.grpcPort = httpPort, grpcPort }
}

// WithFault sets the behaviour from the first request on. The default is Accept.
func WithFault(f Fault) Option {
	return func(s *Shore) { s.fault = f }
}

// WithTLS makes OTLP/HTTP speak HTTPS only, as HTTP/2 to those who can.
func WithTLS(identity tls.Certificate) Option {
	return func(s *Shore) { s.identity = &identity }
}

// New starts a shore. Close ends it.
func New(opts ...Option) (*Shore, error) {
	s := &Shore{book: newBook(), hole: &hole{}, pace: &pace{}, fault: Accept()}
	for _, opt := range opts {
		opt(s)
	}
	s.SetFault(s.fault)
	if err := s.Up(); err != nil {
		return nil, err
	}
	s.patience = portPatience
	return s, nil
}

// Start starts a shore that ends with the test.
func Start(t testing.TB, opts ...Option) *Shore {
	t.Helper()
	s, err := New(opts...)
	if err != nil {
		t.Fatalf("shore: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// SetFault changes the behaviour. Requests that hang under the old fault have
// their connection reset; none of their records is counted.
func (s *Shore) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	if s.released != nil {
		close(s.released)
	}
	s.released = make(chan struct{})
	if _, ok := f.(blackhole); ok {
		s.hole.open()
	} else {
		s.hole.close()
	}
	link, _ := f.(slow) // 0 is not narrow at all
	s.pace.set(link.bytesPerSecond)
	if s.pace.on() && s.http != nil {
		narrow(s.http.listener.Listener)
		narrow(s.grpc.listener.Listener)
	}
}

// HTTPEndpoint is the base URL for OTLP/HTTP, such as "http://127.0.0.1:4318".
// It stays the same through Down and Up.
func (s *Shore) HTTPEndpoint() string {
	if s.identity != nil {
		return "https://" + s.address(&s.httpPort)
	}
	return "http://" + s.address(&s.httpPort)
}

// GRPCEndpoint is the target for OTLP/gRPC, such as "127.0.0.1:4317".
// It stays the same through Down and Up.
func (s *Shore) GRPCEndpoint() string { return s.address(&s.grpcPort) }

// PortalURL is a login page on this shore that answers 200 text/html to
// everything, whatever the fault.
func (s *Shore) PortalURL() string { return s.HTTPEndpoint() + portalPath }

func (s *Shore) address(port *int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return net.JoinHostPort(loopback, strconv.Itoa(*port))
}

// Up listens again on the shore's ports. It does nothing if the shore is up. A
// port that something else borrowed in between is waited for, up to 5 s.
func (s *Shore) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	httpListener, err := s.listen(&s.httpPort, HTTP)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	grpcListener, err := s.listen(&s.grpcPort, GRPC)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for gRPC: %w", err), httpListener.Close())
	}
	s.http = serveHTTP(s, httpListener)
	s.grpc = serveGRPC(s, grpcListener)
	return nil
}

// Down resets every connection and closes both ports: until Up, connections
// are refused. It returns when no request is served any more.
func (s *Shore) Down() {
	s.mu.Lock()
	httpEnd, grpcEnd := s.http, s.grpc
	s.http, s.grpc = nil, nil
	s.mu.Unlock()
	if httpEnd == nil {
		return
	}
	httpEnd.stop()
	grpcEnd.stop()
}

// Close ends the shore for good. What it counted can still be read.
func (s *Shore) Close() {
	s.Down()
	if s.relay != nil {
		s.relay.close()
	}
}

// judge lets the current fault decide on a request whose records are known,
// and books the verdict before anybody can change the fault. released is
// closed when that fault is replaced. What is to be relayed is booked by relayed.
func (s *Shore) judge(e *Entry) (v Verdict, released <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v = s.fault.Decide(e.Request)
	if !s.relays(v) {
		s.book.decide(e, v)
	}
	return v, s.released
}

// relays: the server behind this one has to take it first.
func (s *Shore) relays(v Verdict) bool { return s.relay != nil && v.Taken }

// relayed books what the server behind this one has said to a request: taken,
// or not. It gives what becomes of the request; to have reached nobody is to be
// reset.
func (s *Shore) relayed(e *Entry, v Verdict, answer Reply, taken, reached bool) Verdict {
	v.Taken = taken
	if v.Do == Answer {
		v.Reply = answer
	}
	if !reached {
		v.Do = Abort
	}
	s.book.decide(e, v)
	return v
}

// resetsEarly reports whether the current fault resets before it reads.
func (s *Shore) resetsEarly() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.fault.(earlyReset)
	return ok
}

// Requests is a snapshot of the log, in order of arrival. Only the newest
// 100,000 requests are kept.
func (s *Shore) Requests() []Entry { return s.book.snapshot() }

// RequestsSince is the part of Requests that arrived at or after since.
func (s *Shore) RequestsSince(since time.Time) []Entry { return s.book.since(since) }

// InFlight is how many requests have arrived and are neither answered nor
// abandoned. A blackholed HTTP connection whose bytes lie unread counts as one;
// on gRPC many requests share such a connection, which also counts as one.
func (s *Shore) InFlight() int { return s.book.inFlight() }

// MaxInFlight is the most requests that were in flight together at any moment
// at or after since.
func (s *Shore) MaxInFlight(since time.Time) int {
	return maxOverlap(s.book.snapshot(), since)
}

// Counts says for each record how many times it was accepted.
func (s *Shore) Counts() map[int64]int { return s.book.counted() }

// Count is how many times that record was accepted.
func (s *Shore) Count(id int64) int { return s.book.count(id) }

// Delivered is how many different numbered records were accepted.
func (s *Shore) Delivered() int { return s.book.distinct() }

// PortalHits is how many requests reached PortalURL.
func (s *Shore) PortalHits() int { return s.book.portal() }
