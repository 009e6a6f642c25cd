package mshipconsole

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/history"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/route"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

// link answers what is asked of the links.
func (a *api) link(w http.ResponseWriter, r *http.Request, target route.Target) {
	if target.Name == "" {
		a.listLinks(w, r)
		return
	}
	link, ok := a.links.Get(target.Name)
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "there is no link of this name; GET /api/v1/links lists them")
	case target.Rest == "":
		a.linkStatus(w, r, link)
	case target.Rest == "/history":
		if series, ok := seriesOf(w, r, link); ok {
			answer(w, http.StatusOK, linkSeriesOf(series))
		}
	default:
		refuse(w, http.StatusNotFound, route.ErrUnknown.Error())
	}
}

// listLinks answers with the status of all links. One that does not answer is in it with an error in place of its status.
func (a *api) listLinks(w http.ResponseWriter, r *http.Request) {
	all := a.links.All()
	views := make([]map[string]json.RawMessage, len(all))
	askAll(r.Context(), all, func(i int, link *sinks.Sink, said sinks.Answer, err error) {
		if err != nil {
			said.Fields = map[string]json.RawMessage{"error": raw(err.Error())}
		}
		views[i] = linkView(link, said)
	})
	answer(w, http.StatusOK, map[string]any{"links": views})
}

func (a *api) linkStatus(w http.ResponseWriter, r *http.Request, link *sinks.Sink) {
	said, err := link.Ask(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, linkView(link, said))
}

func linkView(link *sinks.Sink, said sinks.Answer) map[string]json.RawMessage {
	fields := make(map[string]json.RawMessage, len(said.Fields)+1)
	for key, value := range said.Fields {
		fields[key] = value
	}
	fields["link"] = raw(link.Name)
	return fields
}

type linkSeries struct {
	StepSeconds float64     `json:"step_seconds"`
	Points      []linkPoint `json:"points"`
}

type linkPoint struct {
	At      time.Time `json:"at"`
	UpBytes *float64  `json:"up_bytes"`
}

func linkSeriesOf(s history.Series) linkSeries {
	out := linkSeries{StepSeconds: s.StepSeconds, Points: make([]linkPoint, 0, len(s.Points))}
	for _, p := range s.Points {
		out.Points = append(out.Points, linkPoint{p.At, p.DeliveredBytes})
	}
	return out
}
