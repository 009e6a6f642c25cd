package mshipconsole

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/conns"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/route"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

// api is what stands below /api/v1/; API.md describes it.
type api struct {
	mounts  *sinks.Mounts
	links   *sinks.Mounts
	conns   *conns.Limit
	silence time.Duration
	maxBody int64
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, err := route.Split(r.URL.EscapedPath())
	switch {
	case errors.Is(err, route.ErrUnknown):
		refuse(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	// Read here, with the server's own limits of size and time, before the sink is troubled.
	if !a.readBody(w, r) {
		return
	}
	defer a.conns.Answering(r.Context())()
	if target.Links {
		reading(func(w http.ResponseWriter, r *http.Request) { a.link(w, r, target) })(w, r)
		return
	}
	if target.Name == "" {
		reading(a.list)(w, r)
		return
	}
	sink, ok := a.mounts.Get(target.Name)
	if !ok {
		refuse(w, http.StatusNotFound, "there is no sink of this name; GET /api/v1/sinks lists them")
		return
	}
	a.sink(w, r, sink, target.Rest)
}

func (a *api) sink(w http.ResponseWriter, r *http.Request, sink *sinks.Sink, rest string) {
	switch rest {
	case "":
		reading(func(w http.ResponseWriter, r *http.Request) { a.status(w, r, sink) })(w, r)
	case "/history":
		reading(func(w http.ResponseWriter, r *http.Request) { a.history(w, r, sink) })(w, r)
	case "/forecast":
		reading(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, sink.Forecast()) })(w, r)
	default:
		if err := sink.Serve(w, r, rest, a.silence); err != nil {
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, err.Error())
		}
	}
}

func (a *api) readBody(w http.ResponseWriter, r *http.Request) bool {
	var long *http.MaxBytesError
	if r.ContentLength > a.maxBody {
		w.Header().Set("Connection", "close") // the rest of it is not read
		refuse(w, http.StatusRequestEntityTooLarge, "the body is too long; name fewer entries, or a filter")
		return false
	}
	body, err := io.ReadAll(r.Body)
	switch {
	case errors.As(err, &long):
		refuse(w, http.StatusRequestEntityTooLarge, "the body is too long; name fewer entries, or a filter")
	case errors.Is(err, os.ErrDeadlineExceeded):
		refuse(w, http.StatusRequestTimeout, "the body did not come in time")
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body could not be read")
	default:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return true
	}
	return false
}

// reading lets GET and HEAD pass.
func reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "this can only be read, with GET")
			return
		}
		next(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]string{"error": why})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
