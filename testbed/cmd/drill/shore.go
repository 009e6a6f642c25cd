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

// What the link can do.
const (
	accept      = "accept"
	down        = "down" // connections are refused
	hang        = "hang"
	unavailable = "503"
	broken      = "500"
	portal      = "captive portal"
	forgetful   = "forgetful" // data goes through, three answers in ten do not
	swallow     = "swallow"   // it says that it took the data, and throws it away: no exporter can help there
)

var faults = map[string]shore.Fault{
	accept:      shore.Accept(),
	hang:        shore.Hang(),
	unavailable: shore.Status(http.StatusServiceUnavailable),
	broken:      shore.Status(http.StatusInternalServerError),
	portal:      shore.CaptivePortal(),
	forgetful:   shore.Share(0.3, shore.TakeAndReset()),
	swallow:     shore.FaultFunc(func(shore.Request) shore.Verdict { return shore.Verdict{} }),
}

// order is a line that the drill writes to the shore's stdin.
type order struct {
	Gateway string `json:",omitempty"` // open the link to it
	Fault   string `json:",omitempty"` // behave so from now on; "" changes nothing
	Counts  bool   `json:",omitempty"` // tell the counts of all records
}

// log is a line with which the shore answers an order: what it saw so far.
type log struct {
	Error      string         `json:",omitempty"` // why the order could not be carried out
	Endpoint   string         // of the back end, OTLP/HTTP
	Link       string         `json:",omitempty"` // where the link begins, OTLP/HTTP
	Numbered   int            // different numbered records that the back end took
	Unnumbered int            // records without a number that it took, each copy of them
	Refusals   map[string]int // requests that the link did not get through, by what they met
	Counts     map[int64]int  `json:",omitempty"` // how often the back end took each numbered record
}

// ends are the two ends of the way to the gateway and from it.
type ends struct {
	link    *shore.Shore // nil until there is a gateway
	backEnd *shore.Shore
}

func (e *ends) close() {
	if e.link != nil {
		e.link.Close()
	}
	e.backEnd.Close()
}

// serveShore is a link and a back end that carry out one order after the other
// until stdin ends, as it does when the drill ends in whatever way. They answer
// each order, and greet with an answer to none.
func serveShore(stdin io.Reader, stdout io.Writer) error {
	backEnd, err := shore.New()
	if err != nil {
		return err
	}
	e := &ends{backEnd: backEnd}
	defer e.close()
	orders, answers := json.NewDecoder(stdin), json.NewEncoder(stdout)
	for o := (order{}); ; {
		if err := answers.Encode(obey(e, o)); err != nil {
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
func obey(e *ends, o order) log {
	l := log{Endpoint: e.backEnd.HTTPEndpoint(), Numbered: e.backEnd.Delivered(), Unnumbered: unnumberedIn(e.backEnd.Requests())}
	if e.link != nil {
		l.Refusals = failures(e.link.Requests())
	}
	if o.Counts {
		l.Counts = e.backEnd.Counts()
	}
	err := e.open(o.Gateway)
	if err == nil {
		err = e.behave(o.Fault)
	}
	if err != nil {
		l.Error = err.Error()
	}
	if e.link != nil {
		l.Link = e.link.HTTPEndpoint()
	}
	return l
}

// open opens the link to a gateway.
func (e *ends) open(gateway string) (err error) {
	if gateway != "" {
		e.link, err = shore.New(shore.RelayTo(gateway, ""))
	}
	return err
}

var errNoLink = errors.New("there is no link yet")

func (e *ends) behave(fault string) error {
	f, ok := faults[fault]
	switch {
	case fault == "":
		return nil
	case e.link == nil:
		return errNoLink
	case fault == down:
		e.link.Down()
		return nil
	case !ok:
		return fmt.Errorf("unknown fault %q", fault)
	}
	e.link.SetFault(f)
	return e.link.Up()
}

// unnumberedIn counts the records without a number that were taken.
func unnumberedIn(requests []shore.Entry) (unnumbered int) {
	for _, e := range requests {
		if !e.Taken {
			continue
		}
		for _, id := range e.Records {
			if id == record.Unnumbered {
				unnumbered++
			}
		}
	}
	return unnumbered
}

// failures counts the requests of which the ship has no proof that they were taken.
func failures(requests []shore.Entry) map[string]int {
	met := map[string]int{}
	for _, e := range requests {
		if e.Fate != shore.Accepted && e.Fate != shore.Pending {
			met[fateOf(e)]++
		}
	}
	return met
}

// fateOf says in a word or two what such a request met.
func fateOf(e shore.Entry) string {
	switch {
	case e.Taken:
		return "answer lost"
	case e.Fate == shore.Hung:
		return "silence"
	case e.Fate == shore.Refused && e.Status == http.StatusOK:
		return "200 text/html"
	case e.Fate == shore.Refused:
		return fmt.Sprint(e.Status)
	}
	return string(e.Fate)
}
