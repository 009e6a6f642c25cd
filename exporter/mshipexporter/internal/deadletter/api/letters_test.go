package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

func TestQueries(t *testing.T) {
	r := newRig(t)
	for n := range 120 {
		r.park(t, n, "hello")
	}
	first, second := "2023-11-14T22:13:20Z", "2023-11-14T23:13:21%2B01:00"
	for query, want := range map[string]struct {
		status, page, total int
		words               string
	}{
		"":                                     {200, 100, 120, ""},
		"?limit=":                              {200, 100, 120, ""},
		"?limit=1":                             {200, 1, 120, ""},
		"?limit=500":                           {200, 120, 120, ""},
		"?limit=0":                             {400, 0, 0, "limit is 1 to 500"},
		"?limit=-1":                            {400, 0, 0, "limit is 1 to 500"},
		"?limit=501":                           {400, 0, 0, "limit is 1 to 500"},
		"?limit=x":                             {400, 0, 0, `found "x"`},
		"?limit=99999999999999999999":          {400, 0, 0, "limit is 1 to 500"},
		"?signal=logs&reason=rejected":         {200, 100, 120, ""},
		"?signal=traces":                       {200, 0, 0, ""},
		"?signal=log":                          {400, 0, 0, "signal is one of"},
		"?reason=poison":                       {200, 0, 0, ""},
		"?from=" + first + "&to=" + second:     {200, 2, 2, ""},
		"?to=" + first:                         {200, 1, 1, ""},
		"?from=yesterday":                      {400, 0, 0, "from is a time such as"},
		"?to=2023-11-14":                       {400, 0, 0, "to is a time such as"},
		"?from=2023-11-14T22:13:20.000000001Z": {200, 100, 119, ""},
		"?from=%zz":                            {400, 0, 0, "cannot understand"},
		"?reason=poison;x":                     {400, 0, 0, "cannot understand"},
		"?limit=x&from=yesterday":              {400, 0, 0, "from is a time"},
	} {
		w := r.do(http.MethodGet, "/dead-letters"+query, "")
		if want.status != http.StatusOK {
			refused(t, w, want.status, want.words)
			continue
		}
		assert.Equal(t, http.StatusOK, w.Code, query)
		assert.Contains(t, w.Body.String(), `"entries":[`, "a list, if it is empty")
		p := object[page](t, w)
		assert.Len(t, p.Entries, want.page, query)
		assert.Equal(t, want.total, p.Total.Entries, query)
		assert.Equal(t, want.page < want.total, p.Next != "", query)
	}
	refused(t, r.do(http.MethodGet, "/dead-letters/export?from=yesterday", ""), http.StatusBadRequest, "from is a time")
	refused(t, r.do(http.MethodGet, "/dead-letters/export?from=%zz", ""), http.StatusBadRequest, "cannot understand")
}

func TestPages(t *testing.T) {
	r := newRig(t)
	for n := range 7 {
		r.park(t, n, "hello")
	}
	var seen []string
	for after := ""; ; {
		p := object[page](t, r.do(http.MethodGet, "/dead-letters?limit=3&after="+after, ""))
		for _, e := range p.Entries {
			seen = append(seen, e.Name)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	assert.Len(t, seen, 7)
	assert.IsDecreasing(t, seen)
}

func TestShow(t *testing.T) {
	r := newRig(t)
	hostile := "</script><script>alert(1)</script>\x00\x1b[31m\u2028\"\\\r\n\xff\xfe"
	name := r.park(t, 1, hostile, "second")
	w := r.do(http.MethodGet, "/dead-letters/"+name, "")
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()
	assert.True(t, utf8.ValidString(text))
	assert.NotContains(t, text, "<script")
	assert.NotContains(t, text, "\u2028")
	s := object[shown](t, w)
	assert.Equal(t, name, s.Entry.Name)
	assert.False(t, s.Truncated)
	require.Len(t, s.OTLP, 1)
	ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(s.OTLP[0])
	require.NoError(t, err)
	records := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, 2, records.Len())
	assert.Contains(t, records.At(0).Body().Str(), "</script><script>alert(1)</script>\x00\x1b[31m\u2028\"\\\r\n")
}

// What is too large to be shown whole is shown in parts, as valid JSON.
func TestShowOfMuch(t *testing.T) {
	var small []string
	for i := range 40_000 {
		small = append(small, fmt.Sprint("line ", i, " \x00\x00\x00\x00"))
	}
	for name, bodies := range map[string][]string{
		"one attribute of a MiB":       {"begin " + strings.Repeat("ä", 1<<20)},
		"of control characters":        {"begin " + strings.Repeat("\x00", 300_000)},
		"of markup":                    {"begin " + strings.Repeat("<", 2<<20)},
		"many records":                 small,
		"many records, and a long one": append([]string{"begin " + strings.Repeat("x", 2<<20)}, small[:1000]...),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			w := r.do(http.MethodGet, "/dead-letters/"+r.park(t, 1, bodies...), "")
			require.Equal(t, http.StatusOK, w.Code)
			assert.Less(t, w.Body.Len(), 6*mostShown+10_000)
			s := object[shown](t, w)
			assert.True(t, s.Truncated)
			require.Len(t, s.OTLP, 1)
			assert.LessOrEqual(t, len(s.OTLP[0]), 6*mostShown)
			ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(s.OTLP[0])
			require.NoError(t, err)
			shownBodies := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			require.Positive(t, shownBodies.Len())
			assert.Equal(t, bodies[0][:5], shownBodies.At(0).Body().Str()[:5])
			if len(bodies) == 1001 {
				assert.Equal(t, 1001, shownBodies.Len(), "one that is long does not hide the others")
			}
		})
	}
}

func TestShowOfWhatIsDamaged(t *testing.T) {
	r := newRig(t)
	name := r.park(t, 1, "hello")
	for text, words := range map[string]string{
		"{\"resourceLogs\":[": "holds something that is no JSON",
		"<html>\n":            "export it",
		"{}\n\xff\n":          "export it",
		strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000): "export it",
	} {
		r.overwrite(t, name, ".jsonl", text)
		refused(t, r.do(http.MethodGet, "/dead-letters/"+name, ""), http.StatusServiceUnavailable, words)
	}
	for text, want := range map[string]shown{
		"":              {OTLP: []json.RawMessage{}},
		"\n\n":          {OTLP: []json.RawMessage{}},
		"{}":            {OTLP: []json.RawMessage{[]byte("{}")}},
		"{} \r\n [1]\n": {OTLP: []json.RawMessage{[]byte("{}"), []byte("[1]")}},
		"\"" + strings.Repeat("x", mostRead) + "\"\n{}\n": {OTLP: []json.RawMessage{}, Truncated: true},
	} {
		r.overwrite(t, name, ".jsonl", text)
		w := r.do(http.MethodGet, "/dead-letters/"+name, "")
		require.Equal(t, http.StatusOK, w.Code)
		s := object[shown](t, w)
		assert.Equal(t, want.OTLP, s.OTLP)
		assert.Equal(t, want.Truncated, s.Truncated)
	}
	r.overwrite(t, name, ".json", "<html>")
	refused(t, r.do(http.MethodGet, "/dead-letters/"+name, ""), http.StatusServiceUnavailable, "export or purge it")

	s := object[shown](t, r.do(http.MethodGet, "/dead-letters/"+r.damage(t, "\x00\xff"), ""))
	assert.Equal(t, deadletter.Unreadable, s.Entry.Reason)
	assert.Equal(t, []json.RawMessage{}, s.OTLP)
}

// Whatever an entry holds, what is shown of it is JSON in UTF-8, and not too much.
func FuzzPreview(f *testing.F) {
	f.Add("{}\n", 1)
	f.Add("\"\xff\"\n\"<script>\u2028\"", 1)
	f.Add(`{"b":[1,{"a":["\u0000\ud800",null,true,1e999]}],"a":"x"}`, 40_000)
	f.Add("[[[[]]]]", 200_000)
	f.Add(`[""]`+"\n", 300_000)
	f.Fuzz(func(t *testing.T, text string, times int) {
		if times < 0 || times > 1_000_000 || len(text)*times > 2*mostRead {
			return
		}
		whole := strings.Repeat(text, times)
		for _, data := range []string{whole, "[" + strings.Repeat(text+",", times) + "0]"} {
			lines, truncated, err := preview(strings.NewReader(data))
			if err != nil {
				continue
			}
			size := 0
			for _, line := range lines {
				require.True(t, json.Valid(line))
				require.True(t, utf8.Valid(line))
				size += len(line)
			}
			require.LessOrEqual(t, size, 6*mostShown)
			require.True(t, truncated || len(data) <= mostRead)
		}
	})
}
