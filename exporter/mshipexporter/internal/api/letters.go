package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	pageLimit = 100
	mostLimit = 500
	// mostShown is how much of an entry is shown, in bytes; all of it can be exported.
	mostShown = 1 << 20
	// mostBody bounds a request.
	mostBody = 1 << 20
	// mostNames bounds the entries that one request names.
	mostNames = 10_000
	// replayFor is how long one request replays before it answers how much is left.
	replayFor = 5 * time.Second
)

// errRequest marks a request that makes no sense.
var errRequest = errors.New("cannot understand the request")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errRequest, fmt.Sprintf(format, args...))
}

// selection chooses entries, in a body or in a query.
type selection struct {
	Signal string `json:"signal"`
	Reason string `json:"reason"`
	From   string `json:"from"`
	To     string `json:"to"`
}

func (s selection) filter() (f deadletter.Filter, err error) {
	f.Signal, f.Reason = delivery.Signal(s.Signal), s.Reason
	if f.From, err = moment("from", s.From); err != nil {
		return f, err
	}
	f.To, err = moment("to", s.To)
	return f, err
}

func moment(key, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return t, bad("%s is a time such as 2026-01-31T06:00:00Z, found %q", key, value)
	}
	return t, nil
}

func asked(q url.Values) (deadletter.Filter, error) {
	return selection{q.Get("signal"), q.Get("reason"), q.Get("from"), q.Get("to")}.filter()
}

// name is that of an entry: nothing that could lead out of its folder.
var name = regexp.MustCompile(`^[0-9]{1,20}(-[0-9a-f-]{36})?$`)

func named(r *http.Request) (string, error) {
	n := r.PathValue("name")
	if !name.MatchString(n) {
		return "", bad("%q is no name of a dead letter", n)
	}
	return n, nil
}

type page struct {
	Entries []deadletter.Entry `json:"entries"`
	Next    string             `json:"next"`
	Total   deadletter.Total   `json:"total"`
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, err := asked(q)
	limit, after := pageLimit, q.Get("after")
	if text := q.Get("limit"); text != "" && err == nil {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostLimit {
			err = bad("limit is 1 to %d, found %q", mostLimit, text)
		}
	}
	if after != "" && !name.MatchString(after) && err == nil {
		err = bad("after is what next was, found %q", after)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	p := page{}
	p.Entries, p.Next, p.Total = s.Letters.List(f, after, limit)
	answer(w, http.StatusOK, p)
}

type shown struct {
	Entry     deadletter.Entry  `json:"entry"`
	OTLP      []json.RawMessage `json:"otlp"`
	Truncated bool              `json:"truncated"`
}

var errEnough = errors.New("that is enough")

func (s *server) show(w http.ResponseWriter, r *http.Request) {
	n, err := named(r)
	if err != nil {
		refuse(w, err)
		return
	}
	body := shown{OTLP: []json.RawMessage{}}
	if body.Entry, err = s.Letters.Get(n); err != nil {
		refuse(w, err)
		return
	}
	if body.Entry.Reason != deadletter.Unreadable {
		size := 0
		err = s.Letters.Lines(n, func(line []byte) error {
			if size += len(line); size > mostShown {
				return errEnough
			}
			if !json.Valid(line) {
				return fmt.Errorf("dead letter %s holds something that is no JSON: export it", n)
			}
			body.OTLP = append(body.OTLP, bytes.TrimSpace(line))
			return nil
		})
	}
	if body.Truncated = errors.Is(err, errEnough); err != nil && !body.Truncated {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, body)
}

const ndjson = "application/x-ndjson"

// attachment says what comes: a file, for somebody who is not here.
func attachment(w http.ResponseWriter, kind, file string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
}

func (s *server) export(w http.ResponseWriter, r *http.Request) {
	n, err := named(r)
	if err != nil {
		refuse(w, err)
		return
	}
	e, err := s.Letters.Get(n)
	if err != nil {
		refuse(w, err)
		return
	}
	data, err := s.Letters.Data(n)
	if err != nil {
		refuse(w, err)
		return
	}
	defer func() { _ = data.Close() }()
	if e.Reason == deadletter.Unreadable {
		attachment(w, "application/octet-stream", n+".bin")
	} else {
		attachment(w, ndjson, n+".jsonl")
	}
	_, _ = io.Copy(w, data)
}

// exportAll writes the lines of all that match, oldest first. What is damaged has none.
func (s *server) exportAll(w http.ResponseWriter, r *http.Request) {
	f, err := asked(r.URL.Query())
	if err != nil {
		refuse(w, err)
		return
	}
	attachment(w, ndjson, "dead-letters.jsonl")
	for _, n := range s.Letters.Names(f) {
		if e, err := s.Letters.Get(n); err != nil || e.Reason == deadletter.Unreadable {
			continue
		}
		err := s.Letters.Lines(n, func(line []byte) error { _, err := w.Write(line); return err })
		if r.Context().Err() != nil {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // a file that is cut short must not look whole
		}
	}
}
