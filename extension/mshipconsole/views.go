package mshipconsole

import (
	"encoding/json"
	"net/http"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/history"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/sinks"
)

// list answers with the status of all sinks. One that does not answer is in it with an error in place of its status.
func (a *api) list(w http.ResponseWriter, r *http.Request) {
	all := a.mounts.All()
	views := make([]map[string]json.RawMessage, len(all))
	askAll(r.Context(), all, func(i int, sink *sinks.Sink, answer sinks.Answer, err error) {
		if err != nil {
			answer.Fields = map[string]json.RawMessage{"error": raw(err.Error())}
		}
		views[i] = view(sink, answer)
	})
	answer(w, http.StatusOK, map[string]any{"sinks": views})
}

func (a *api) status(w http.ResponseWriter, r *http.Request, sink *sinks.Sink) {
	said, err := sink.Ask(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, view(sink, said))
}

// view is what the sink says, and what the console knows about it. Those who asked at once share what was said.
func view(sink *sinks.Sink, said sinks.Answer) map[string]json.RawMessage {
	fields := make(map[string]json.RawMessage, len(said.Fields)+2)
	for key, value := range said.Fields {
		fields[key] = value
	}
	fields["sink"] = raw(sink.Name)
	fields["forecast"] = raw(sink.Forecast())
	return fields
}

func raw(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

func (a *api) history(w http.ResponseWriter, r *http.Request, sink *sinks.Sink) {
	if series, ok := seriesOf(w, r, sink); ok {
		answer(w, http.StatusOK, series)
	}
}

// seriesOf is the history that the request asks for; false if that has been refused.
func seriesOf(w http.ResponseWriter, r *http.Request, sink *sinks.Sink) (series history.Series, ok bool) {
	switch r.URL.Query().Get("range") {
	case "", "1h":
		return sink.Hour(), true
	case "24h":
		return sink.Day(), true
	default:
		refuse(w, http.StatusBadRequest, "range must be 1h or 24h")
		return series, false
	}
}
