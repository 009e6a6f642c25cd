package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

func TestOrdersThatMakeNoSense(t *testing.T) {
	r := newRig(t)
	r.park(t, 1, "hello")
	const filler = "1234567890"
	for _, c := range []struct {
		name, body string
		status     int
		words      string
	}{
		{"nothing", ``, 400, "one JSON object"},
		{"no JSON", `replay all`, 400, "one JSON object"},
		{"cut", `{"ids":["17"]`, 400, "one JSON object"},
		{"a list", `["17"]`, 400, "one JSON object"},
		{"null", `null`, 400, "name the entries"},
		{"neither", `{}`, 400, "name the entries"},
		{"both", `{"ids":["17"],"filter":{}}`, 400, "name the entries"},
		{"both null", `{"ids":null,"filter":null}`, 400, "name the entries"},
		{"an unknown field", `{"id":"17"}`, 400, `unknown field "id"`},
		{"an unknown field of the filter", `{"filter":{"sink":"shore"}}`, 400, `unknown field "sink"`},
		{"two orders", `{"filter":{}}{"filter":{}}`, 400, "something follows"},
		{"garbage after it", `{"filter":{}} x`, 400, "one JSON object"},
		{"a time", `{"filter":{"from":"now"}}`, 400, "from is a time such as"},
		{"another time", `{"filter":{"to":"1700000000"}}`, 400, "to is a time such as"},
		{"a signal", `{"filter":{"signal":"log"}}`, 400, "signal is one of"},
		{"a name", `{"ids":["17",""]}`, 400, `"" is no name of a dead letter`},
		{"numbers", `{"ids":[17]}`, 400, "one JSON object"},
		{"a count", `{"filter":{},"count":"1"}`, 400, "one JSON object"},
		{"half a count", `{"filter":{},"count":1.5}`, 400, "one JSON object"},
		{"too many names", `{"ids":[` + strings.Repeat(`"17",`, mostNames) + `"17"]}`, 400, "10001 ids, at most 10000"},
		{"too large", `{"ids":["` + strings.Repeat(filler, mostBody/len(filler)+1) + `"]}`, 413, "more than 1048576 bytes"},
		{"too large after it", `{"filter":{}}` + strings.Repeat(" ", mostBody), 413, "more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, action := range []string{"replay", "purge"} {
				refused(t, r.do(http.MethodPost, "/dead-letters/"+action, c.body), c.status, c.words)
			}
		})
	}
	refused(t, r.do(http.MethodPost, "/dead-letters/replay", `{"filter":{},"count":1}`), http.StatusBadRequest, "a replay takes no count")
	refused(t, r.do(http.MethodPost, "/dead-letters/purge", `{"filter":{}}`), http.StatusBadRequest, `say with "count"`)
	assert.Empty(t, r.replayed)
	assert.Len(t, r.letters.Names(deadletter.Filter{}), 1)
}

func TestReplay(t *testing.T) {
	r := newRig(t)
	var names []string
	for n := range 5 {
		names = append(names, r.park(t, n, "hello"))
	}
	post := func(body string) replayed {
		t.Helper()
		w := r.do(http.MethodPost, "/dead-letters/replay", body)
		assert.Equal(t, http.StatusOK, w.Code)
		return object[replayed](t, w)
	}
	assert.Equal(t, replayed{Replayed: 1}, post(`{"ids":`+quoted(names[3])+`}`))
	assert.Equal(t, replayed{Replayed: 1}, post(`{"ids":`+quoted(names[1], names[1], names[3])+`}`), "what is gone is not missed, and once is enough")
	assert.Equal(t, replayed{}, post(`{"ids":[]}`))
	assert.Equal(t, replayed{}, post(`{"filter":{"reason":"poison"}}`), "nothing matches")
	assert.Equal(t, replayed{Replayed: 1}, post(`{"filter":{"signal":"logs","reason":"rejected","to":"2023-11-14T22:13:20Z"}}`))
	assert.Equal(t, replayed{Replayed: 2}, post(`{"filter":{}}`))
	assert.Equal(t, []string{names[3], names[1], names[0], names[2], names[4]}, r.replayed, "oldest first")
	assert.Equal(t, replayed{}, post(`{"filter":{}}`))
	refused(t, r.do(http.MethodPost, "/dead-letters/replay", `{"ids":`+quoted(names[0])+`}`), http.StatusNotFound, "no such dead letter")
}

func TestReplaysThatFail(t *testing.T) {
	r := newRig(t)
	var names []string
	for n := range 15 {
		names = append(names, r.park(t, n, "hello"))
	}
	r.fails = func(n string) error { return fmt.Errorf("%s: the queue is full", n) }
	w := r.do(http.MethodPost, "/dead-letters/replay", `{"filter":{}}`)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, replayed{Failed: mostFailures, Left: 5, Error: names[0] + ": the queue is full"}, object[replayed](t, w), "the first error")

	r.fails = func(n string) error {
		if n == names[1] {
			return errors.New("no pipeline")
		}
		return nil
	}
	w = r.do(http.MethodPost, "/dead-letters/replay", `{"filter":{}}`)
	assert.Equal(t, http.StatusOK, w.Code, "some could be")
	assert.Equal(t, replayed{Replayed: 14, Failed: 1, Error: "no pipeline"}, object[replayed](t, w))
	assert.Equal(t, names[1:2], r.letters.Names(deadletter.Filter{}))
}

// A request does not replay for ever: it says what is left.
func TestReplayTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for n := range 20 {
			r.park(t, n, "hello")
		}
		r.fails = func(string) error { time.Sleep(time.Second); return nil }
		w := r.do(http.MethodPost, "/dead-letters/replay", `{"filter":{}}`)
		got := object[replayed](t, w)
		assert.Equal(t, replayed{Replayed: 6, Left: 14}, got)
		r.fails = func(string) error { return nil }
		got = object[replayed](t, r.do(http.MethodPost, "/dead-letters/replay", `{"filter":{}}`))
		assert.Equal(t, replayed{Replayed: 14}, got, "asked again it goes on")
	})
}

func TestPurge(t *testing.T) {
	r := newRig(t)
	var names []string
	for n := range 5 {
		names = append(names, r.park(t, n, "hello"))
	}
	for body, found := range map[string]int{
		`{"filter":{},"count":4}`:                                        5,
		`{"filter":{},"count":0}`:                                        5,
		`{"filter":{},"count":-5}`:                                       5,
		`{"filter":{"reason":"poison"},"count":5}`:                       0,
		`{"ids":[],"count":1}`:                                           0,
		`{"ids":` + quoted(names[0], names[0]) + `,"count":2}`:           1,
		`{"ids":` + quoted("17", names[0]) + `,"count":2}`:               1,
		`{"filter":{"from":"2023-11-14T22:13:23Z"},"count":3}`:           2,
		`{"filter":{"signal":"metrics"},"count":9223372036854775807}`:    0,
		`{"filter":{"signal":"logs","reason":"rejected"},"count":10000}`: 5,
	} {
		w := r.do(http.MethodPost, "/dead-letters/purge", body)
		require.Equal(t, http.StatusConflict, w.Code, body)
		p := object[problem](t, w)
		assert.Contains(t, p.Error, "nothing was purged")
		require.NotNil(t, p.Count)
		assert.Equal(t, found, *p.Count, body)
	}
	assert.Len(t, r.letters.Names(deadletter.Filter{}), 5)
	post := func(body string) purged {
		t.Helper()
		w := r.do(http.MethodPost, "/dead-letters/purge", body)
		assert.Equal(t, http.StatusOK, w.Code)
		return object[purged](t, w)
	}
	assert.Equal(t, purged{2}, post(`{"ids":`+quoted(names[2], names[0])+`,"count":2}`))
	assert.Equal(t, purged{0}, post(`{"ids":[],"count":0}`))
	assert.Equal(t, names[1:2], r.letters.Names(deadletter.Filter{})[:1])
	assert.Equal(t, purged{3}, post(`{"filter":{},"count":3}`))
	assert.Empty(t, r.letters.Names(deadletter.Filter{}))
	assert.Empty(t, r.replayed)
}
