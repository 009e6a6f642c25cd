package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// What the shore can do.
const (
	accept      = "accept"
	down        = "down" // connections are refused
	hang        = "hang"
	unavailable = "503"
	broken      = "500"
	portal      = "captive portal"
	swallow     = "swallow" // it says that it took the data, and throws it away: no exporter can help there
)

var faults = map[string]shore.Fault{
	accept:      shore.Accept(),
	hang:        shore.Hang(),
	unavailable: shore.Status(http.StatusServiceUnavailable),
	broken:      shore.Status(http.StatusInternalServerError),
	portal:      shore.CaptivePortal(),
	swallow:     shore.FaultFunc(func(shore.Request) shore.Verdict { return shore.Verdict{} }),
}

// order is a line that the drill writes to the shore's stdin.
type order struct {
	Fault  string `json:",omitempty"` // behave so from now on; "" changes nothing
	Counts bool   `json:",omitempty"` // tell the counts of all records
}

// log is a line with which the shore answers an order: what it saw so far.
type log struct {
	Error      string         `json:",omitempty"` // why the order could not be carried out
	Endpoint   string         // of OTLP/HTTP
	Numbered   int            // different numbered records taken
	Unnumbered int            // records without a number taken, each copy of them
	Refusals   map[string]int // requests that were not taken, by what they met
	Counts     map[int64]int  `json:",omitempty"` // how often each numbered record was taken
}

// serveShore is a shore that carries out one order after the other until stdin
// ends, as it does when the drill ends in whatever way. It answers each order,
// and greets with an answer to none.
func serveShore(stdin io.Reader, stdout io.Writer) error {
	s, err := shore.New()
	if err != nil {
		return err
	}
	defer s.Close()
	orders, answers := json.NewDecoder(stdin), json.NewEncoder(stdout)
	for o := (order{}); ; {
		if err := answers.Encode(obey(s, o)); err != nil {
			return err
		}
		o = order{}
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("order: %w", err)
		}
	}
}

// obey looks before it acts: the answer to a new fault tells how the old one ended.
func obey(s *shore.Shore, o order) log {
	l := log{Endpoint: s.HTTPEndpoint(), Numbered: s.Delivered()}
	l.Unnumbered, l.Refusals = summary(s.Requests())
	if o.Counts {
		l.Counts = s.Counts()
	}
	if err := behave(s, o.Fault); err != nil {
		l.Error = err.Error()
	}
	return l
}

func behave(s *shore.Shore, fault string) error {
	switch fault {
	case "":
		return nil
	case down:
		s.Down()
		return nil
	}
	f, ok := faults[fault]
	if !ok {
		return fmt.Errorf("unknown fault %q", fault)
	}
	s.SetFault(f)
	return s.Up()
}

// summary counts the records without a number that were taken, and the
// requests that were not.
func summary(requests []shore.Entry) (unnumbered int, refusals map[string]int) {
	refusals = map[string]int{}
	for _, e := range requests {
		if !e.Taken {
			refusals[fateOf(e)]++
			continue
		}
		for _, id := range e.Records {
			if id == record.Unnumbered {
				unnumbered++
			}
		}
	}
	return unnumbered, refusals
}

// fateOf says in a word or two what a request met that was not taken.
func fateOf(e shore.Entry) string {
	switch {
	case e.Fate == shore.Hung:
		return "silence"
	case e.Fate == shore.Refused && e.Status == http.StatusOK:
		return "200 text/html"
	case e.Fate == shore.Refused:
		return fmt.Sprint(e.Status)
	}
	return string(e.Fate)
}
