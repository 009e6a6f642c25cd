package seatest

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the sink sends
)

// Shore takes logs over OTLP/HTTP or OTLP/gRPC and notes when they come.
type Shore struct {
	sea *Sea
	end func()

	mu       sync.Mutex
	arrivals []time.Time
}

// ServeHTTP starts a far end. It is to be closed.
func (s *Sea) ServeHTTP() *Shore {
	far := &Shore{sea: s}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			far.note()
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		}
	})}
	go func() { _ = server.Serve(listener{s}) }()
	far.end = func() { _ = server.Close() }
	return far
}

// ServeGRPC starts a far end. It is to be closed.
func (s *Sea) ServeGRPC() *Shore {
	far := &Shore{sea: s}
	server := grpc.NewServer()
	plogotlp.RegisterGRPCServer(server, &logs{shore: far})
	go func() { _ = server.Serve(listener{s}) }()
	far.end = server.Stop
	return far
}

// Close ends the far end and all connections.
func (f *Shore) Close() {
	f.end()
	f.sea.carriers.Wait()
}

// FirstSince is when the first request came since then; zero if none did.
func (f *Shore) FirstSince(then time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.arrivals, func(at time.Time) bool { return !at.Before(then) }); i >= 0 {
		return f.arrivals[i]
	}
	return time.Time{}
}

// Arrived is how many requests came.
func (f *Shore) Arrived() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.arrivals)
}

func (f *Shore) note() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals = append(f.arrivals, time.Now())
}

type logs struct {
	plogotlp.UnimplementedGRPCServer
	shore *Shore
}

// Export implements plogotlp.GRPCServer.
func (l *logs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	l.shore.note()
	return plogotlp.NewExportResponse(), nil
}

// listener gives the connections of a sea; it is closed once.
type listener struct{ sea *Sea }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.sea.accepted:
		return c, nil
	case <-l.sea.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l listener) Close() error {
	select {
	case <-l.sea.closed:
	default:
		close(l.sea.closed)
	}
	return nil
}

// Addr implements net.Listener.
func (listener) Addr() net.Addr { return addr("shore") }
