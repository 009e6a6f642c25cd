package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

// order is what is to be done with which entries.
type order struct {
	IDs    []string   `json:"ids"`
	Filter *selection `json:"filter"`
	Count  *int       `json:"count"`
}

// read reads an order; what is to be chosen must be said, even if it is all.
func read(w http.ResponseWriter, r *http.Request) (o order, f deadletter.Filter, err error) {
	if o, err = decode(http.MaxBytesReader(w, r.Body, mostBody)); err != nil {
		return o, f, err
	}
	switch {
	case (o.IDs == nil) == (o.Filter == nil):
		return o, f, bad(`name the entries with "ids", or choose them with "filter" ({} is all)`)
	case len(o.IDs) > mostNames:
		return o, f, bad("%d ids, at most %d at once: choose them with a filter", len(o.IDs), mostNames)
	case o.Filter != nil:
		f, err = o.Filter.filter()
		return o, f, err
	}
	for _, id := range o.IDs {
		if !deadletter.IsName(id) {
			return o, f, bad("%q is no name of a dead letter", id)
		}
	}
	f.Names = o.IDs
	return o, f, nil
}

// decode takes one JSON object, whole.
func decode(body io.Reader) (o order, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err = d.Decode(&o); err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return o, nil
		}
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return o, errTooLarge
	}
	if err == nil {
		err = errors.New("something follows the object")
	}
	return o, bad("%s; the body is one JSON object", err)
}

// replayed is what came of a replay. Left are those that were not tried yet: ask again.
type replayed struct {
	Replayed int    `json:"replayed"`
	Failed   int    `json:"failed"`
	Left     int    `json:"left"`
	Error    string `json:"error,omitempty"`
}

func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	o, f, err := read(w, r)
	if err == nil && o.Count != nil {
		err = bad("a replay takes no count")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	names := s.Letters.Names(f)
	if len(names) == 0 && len(o.IDs) > 0 {
		refuse(w, deadletter.ErrNotFound)
		return
	}
	result := s.replayAll(r, names)
	status := http.StatusOK
	if result.Replayed == 0 && result.Failed > 0 {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, result)
}

// replayAll replays until its time is up, or until so much fails that the rest would as well.
func (s *server) replayAll(r *http.Request, names []string) replayed {
	result, begin := replayed{Left: len(names)}, time.Now()
	for _, n := range names {
		if r.Context().Err() != nil || time.Since(begin) > replayFor {
			break
		}
		err := s.Replay(r.Context(), n)
		result.Left--
		if err == nil {
			result.Replayed++
			continue
		}
		result.Failed++
		if result.Error == "" {
			result.Error = err.Error()
		}
		if result.Failed >= mostFailures {
			break
		}
	}
	return result
}

// mostFailures of one request: a full queue or disk would fail all of them.
const mostFailures = 10

type purged struct {
	Purged int `json:"purged"`
}

func (s *server) purge(w http.ResponseWriter, r *http.Request) {
	o, f, err := read(w, r)
	if err == nil && o.Count == nil {
		err = bad(`say with "count" how many entries are to go`)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	d, err := s.Letters.Purge(f, *o.Count)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, purged{d.Entries})
}
