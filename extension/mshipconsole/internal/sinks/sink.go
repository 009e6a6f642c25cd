package sinks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/forecast"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/history"
)

const (
	// maxCalls keep a sink that hangs from taking all connections with it.
	maxCalls = 8
	// patience with a sink that is asked for its status.
	patience = 2 * time.Second
	// farewell is how long unmount waits for calls that do not look at their context.
	farewell = 2 * time.Second
)

var (
	// ErrBusy says that the sink has as many requests as it may have.
	ErrBusy  = errors.New("answers as many requests as it may; try again in a moment")
	errSlow  = errors.New("does not answer its console; the agent's log may say why")
	errGone  = errors.New("has ended")
	errPanic = errors.New("failed while it answered; the agent's log says where")
)

// Sink is what one exporter shows, or one link.
type Sink struct {
	Name    string
	kind    string
	handler http.Handler
	log     func(panicked any)

	ctx    context.Context // until unmount
	cancel context.CancelFunc

	mu      sync.Mutex
	calls   int
	gone    bool
	empty   chan struct{} // closed when it is gone and no call is left
	pending *inquiry
	past    *history.History
	trend   *forecast.Trend
}

func newSink(kind, name string, h http.Handler, step time.Duration, log func(panicked any)) *Sink {
	s := &Sink{Name: name, kind: kind, handler: h, log: log, empty: make(chan struct{}), past: history.New(step), trend: forecast.New()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// fault says whose the fault is.
func (s *Sink) fault(err error) error { return fmt.Errorf("the %s %w", s.kind, err) }

// enter counts a call that leave ends.
func (s *Sink) enter(limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return s.fault(errGone)
	case s.calls >= limit:
		return s.fault(ErrBusy)
	}
	s.calls++
	return nil
}

func (s *Sink) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	if s.gone && s.calls == 0 {
		close(s.empty)
	}
}

// end lets no call in any more, and waits for those that are in.
func (s *Sink) end() {
	s.cancel()
	s.mu.Lock()
	s.gone = true
	if s.calls == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-s.empty:
	case <-timer.C:
	}
}

// Note adds what the sink says to its history and its forecast.
func (s *Sink) Note(status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.Add(status.sample())
	s.trend.Add(status.trend())
}

// Hour is the sink's history of the last hour.
func (s *Sink) Hour() history.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.past.Hour()
}

// Day is the sink's history of the last 24 h.
func (s *Sink) Day() history.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.past.Day()
}

// Forecast of the sink's queue.
func (s *Sink) Forecast() forecast.Forecast {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trend.Forecast()
}
