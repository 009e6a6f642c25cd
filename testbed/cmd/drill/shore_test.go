package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// steered is a shore that runs in this process.
type steered struct {
	t       *testing.T
	orders  io.WriteCloser
	answers *json.Decoder
	done    chan error
}

func steer(t *testing.T) *steered {
	t.Helper()
	stdin, orders := io.Pipe()
	answers, stdout := io.Pipe()
	s := &steered{t, orders, json.NewDecoder(answers), make(chan error, 1)}
	go func() { s.done <- serveShore(stdin, stdout) }()
	return s
}

func (s *steered) order(line string) (l log) {
	s.t.Helper()
	if line != "" {
		_, err := io.WriteString(s.orders, line)
		require.NoError(s.t, err)
	}
	require.NoError(s.t, s.answers.Decode(&l))
	return l
}

func TestShoreObeysUntilItsInputEnds(t *testing.T) {
	t.Parallel()
	s := steer(t)
	backEnd := s.order("").Endpoint
	assert.Equal(t, errNoLink.Error(), s.order(`{"Fault": "hang"}`).Error)
	link := s.order(`{"Gateway": "` + backEnd + `"}`).Link // a back end is gateway enough
	c := load.NewHTTP(link)
	defer func() { require.NoError(t, c.Close()) }()
	send := func(from int64) string {
		err := c.Send(t.Context(), load.Batch{Signal: record.Logs, From: from, N: 2})
		if err == nil {
			return "taken"
		}
		return err.(*load.Refusal).Answer() //nolint:errorlint,forcetypeassert // it is never anything else
	}

	assert.Equal(t, "taken", send(0))
	for _, test := range []struct{ fault, answer string }{
		{unavailable, "503"}, {broken, "500"}, {down, "no answer"}, {accept, "taken"}, {swallow, "taken"}, {accept, "taken"},
	} {
		before := s.order(`{"Fault": "` + test.fault + `"}`)
		assert.Equal(t, backEnd, before.Endpoint)
		assert.Equal(t, link, before.Link)
		assert.Equal(t, test.answer, send(10), test.fault)
	}
	assert.Contains(t, s.order(`{"Fault": "storm"}`).Error, `unknown fault "storm"`)
	assert.Equal(t, "taken", send(10), "a fault that is not known changes nothing")

	l := s.order(`{"Counts": true}`)
	assert.Equal(t, 4, l.Numbered)
	assert.Equal(t, 1, l.Refusals["503"])
	assert.Equal(t, 1, l.Refusals["500"])
	assert.Equal(t, map[int64]int{0: 1, 1: 1, 10: 3, 11: 3}, l.Counts)

	require.NoError(t, s.orders.Close())
	require.NoError(t, <-s.done)
}

func TestTheAnswerToANewFaultTellsOfTheOldOne(t *testing.T) {
	t.Parallel()
	far := shore.Start(t)
	c := load.NewHTTP(far.HTTPEndpoint())
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Send(t.Context(), load.Batch{Signal: record.Logs, N: 3}))
	l := obey(&ends{link: far, backEnd: far}, order{Fault: down})
	assert.Empty(t, l.Error)
	assert.Equal(t, 3, l.Numbered)
}

func TestShoreEndsAtNonsense(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, serveShore(strings.NewReader("}"), io.Discard), "order: ")
}

func TestSummaryOfRequests(t *testing.T) {
	t.Parallel()
	entry := func(fate shore.Fate, status int, ids ...int64) shore.Entry {
		return shore.Entry{
			Request: shore.Request{Records: ids}, Fate: fate, Status: status, Taken: fate == shore.Accepted,
		}
	}
	requests := []shore.Entry{
		entry(shore.Accepted, http.StatusOK, record.Unnumbered, 5, record.Unnumbered),
		entry(shore.Refused, http.StatusServiceUnavailable, record.Unnumbered),
		entry(shore.Refused, http.StatusOK, 6),
		entry(shore.Hung, 0, 7),
		entry(shore.Hung, 0, 7),
		entry(shore.BrokenOff, 0),
		{Fate: shore.Aborted, Taken: true},
	}
	assert.Equal(t, 2, unnumberedIn(requests))
	assert.Equal(t, map[string]int{
		"503": 1, "200 text/html": 1, "silence": 2, "broken off": 1, "answer lost": 1,
	}, failures(requests))
}
