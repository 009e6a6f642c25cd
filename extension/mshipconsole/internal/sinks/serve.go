package sinks

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Serve has the sink answer a request for the path below its mount. Each piece of the answer has `silence` to
// be taken by the client, so that a long export is not cut and a client that takes nothing is.
// An error: nothing has been answered.
func (s *Sink) Serve(w http.ResponseWriter, r *http.Request, path string, silence time.Duration) error {
	if err := s.enter(maxCalls); err != nil {
		return err
	}
	defer s.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	out := &patient{ResponseWriter: w, controller: http.NewResponseController(w), silence: silence}
	err := s.call(out, below(r.WithContext(ctx), path))
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	return err
}

// below is the request as the sink sees it: relative to its mount, without the client's credentials.
func below(r *http.Request, path string) *http.Request {
	r = r.Clone(r.Context())
	r.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	r.RequestURI = r.URL.RequestURI()
	r.Header.Del("Authorization")
	r.Header.Del("Cookie")
	return r
}

// patient waits for a client as long as it takes something.
type patient struct {
	http.ResponseWriter

	controller *http.ResponseController
	silence    time.Duration
	begun      bool
}

func (p *patient) WriteHeader(code int) {
	p.begun = true
	p.ResponseWriter.WriteHeader(code)
}

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	// Where the server cannot set it, its own limit for the whole answer stays.
	_ = p.controller.SetWriteDeadline(time.Now().Add(p.silence))
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
