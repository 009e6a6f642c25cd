package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	pageLimit = 100
	mostLimit = 500
	// mostBody bounds a request.
	mostBody = 1 << 20
	// mostNames bounds the entries that one request names.
	mostNames = 10_000
	// replayFor is how long one request replays before it answers how much is left.
	replayFor = 5 * time.Second
)

var (
	// errRequest marks a request that makes no sense.
	errRequest  = errors.New("cannot understand the request")
	errTooLarge = fmt.Errorf("the body has more than %d bytes: choose the entries with a filter", mostBody)
)

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
	if s.Signal != "" && !slices.Contains(signals, f.Signal) {
		return f, bad("signal is one of %q, found %q", signals, s.Signal)
	}
	if f.From, err = moment("from", s.From); err != nil {
		return f, err
	}
	f.To, err = moment("to", s.To)
	return f, err
}

var signals = []delivery.Signal{delivery.Logs, delivery.Metrics, delivery.Traces}

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

// asked reads a query; what cannot be read is no filter that may be left out.
func asked(r *http.Request) (q url.Values, f deadletter.Filter, err error) {
	if q, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return q, f, bad("%s", err)
	}
	f, err = selection{q.Get("signal"), q.Get("reason"), q.Get("from"), q.Get("to")}.filter()
	return q, f, err
}

func named(r *http.Request) (string, error) {
	n := r.PathValue("name")
	if !deadletter.IsName(n) {
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
	q, f, err := asked(r)
	limit, after := pageLimit, q.Get("after")
	if text := q.Get("limit"); text != "" && err == nil {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostLimit {
			err = bad("limit is 1 to %d, found %q", mostLimit, text)
		}
	}
	if after != "" && !deadletter.IsName(after) && err == nil {
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
	data, lines, err := s.Letters.Data(n)
	if err != nil {
		refuse(w, err)
		return
	}
	defer func() { _ = data.Close() }()
	if lines {
		if body.OTLP, body.Truncated, err = preview(data); err != nil {
			refuse(w, fmt.Errorf("dead letter %s cannot be shown (export it): %w", n, err))
			return
		}
	}
	answer(w, http.StatusOK, body)
}
