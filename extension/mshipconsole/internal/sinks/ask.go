package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const maxStatus = 1 << 20

// inquiry is one question for the status that all who ask meanwhile wait for.
type inquiry struct {
	done   chan struct{}
	answer Answer
	err    error
}

// Answer is a sink's status: as it was said, and as far as the console understands it.
type Answer struct {
	Fields map[string]json.RawMessage
	Status Status
}

// Ask asks the sink for its status. A sink that hangs is not asked again until it has answered.
func (s *Sink) Ask(ctx context.Context) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.mu.Lock()
	asked := s.pending
	if asked == nil {
		asked = &inquiry{done: make(chan struct{})}
		s.pending = asked
		go s.inquire(asked)
	}
	s.mu.Unlock()
	select {
	case <-asked.done:
		return asked.answer, asked.err
	case <-ctx.Done():
		return Answer{}, s.fault(errSlow)
	}
}

func (s *Sink) inquire(asked *inquiry) {
	asked.answer, asked.err = s.status()
	s.mu.Lock()
	s.pending = nil
	s.mu.Unlock()
	close(asked.done)
}

func (s *Sink) status() (answer Answer, err error) {
	if err := s.enter(maxCalls + 1); err != nil { // others may not take its place
		return Answer{}, err
	}
	defer s.leave()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/status", http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	w := &recorder{header: http.Header{}, code: http.StatusOK}
	if err := s.call(w, r); err != nil {
		return Answer{}, err
	}
	if answer, err = w.read(); err != nil {
		return Answer{}, s.fault(err)
	}
	return answer, nil
}

// call has the handler answer; its panic is its own.
func (s *Sink) call(w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log(p)
			err = s.fault(errPanic)
		}
	}()
	s.handler.ServeHTTP(w, r)
	return nil
}

// recorder keeps an answer that is not too long.
type recorder struct {
	header http.Header
	code   int
	body   []byte
	long   bool
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(code int) { w.code = code }

func (w *recorder) Write(p []byte) (int, error) {
	if len(w.body)+len(p) > maxStatus {
		w.long = true
		return 0, errors.New("a status has at most 1 MiB")
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

func (w *recorder) read() (a Answer, err error) {
	switch {
	case w.long:
		return a, errors.New("has a status that is longer than 1 MiB")
	case w.code != http.StatusOK:
		return a, fmt.Errorf("answers its console with %d %s", w.code, http.StatusText(w.code))
	}
	if err := errors.Join(json.Unmarshal(w.body, &a.Fields), json.Unmarshal(w.body, &a.Status)); err != nil || a.Fields == nil {
		return Answer{}, errors.New("has a status that is not the JSON that the console understands")
	}
	return a, nil
}
