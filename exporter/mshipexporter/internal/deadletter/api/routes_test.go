package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

func TestStatus(t *testing.T) {
	w := newRig(t).do(http.MethodGet, "/status", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "shore", object[Status](t, w).Sink)
}

// Whatever is asked, the answer is JSON, and nobody is sent elsewhere.
func TestRoutesThatThereAreNot(t *testing.T) {
	r := newRig(t)
	name := r.park(t, 1, "hello")
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/", 404, ""},
		{http.MethodGet, "/elsewhere", 404, ""},
		{http.MethodGet, "/status/", 404, ""},
		{http.MethodGet, "/dead-letters/", 404, ""},
		{http.MethodGet, "/dead-letters/" + name + "/", 404, ""},
		{http.MethodGet, "/dead-letters/" + name + "/export/more", 404, ""},
		{http.MethodGet, "//status", 404, ""},
		{http.MethodGet, "/dead-letters/../status", 404, ""},
		{http.MethodGet, "/dead-letters/./" + name, 404, ""},
		{http.MethodPost, "/status", 405, "GET"},
		{http.MethodPost, "/dead-letters", 405, "GET"},
		{http.MethodDelete, "/dead-letters/" + name, 405, "GET"},
		{http.MethodPut, "/dead-letters/" + name + "/export", 405, "GET"},
		{http.MethodPost, "/dead-letters/export", 405, "GET"},
		{http.MethodGet, "/dead-letters/replay", 405, "POST"},
		{http.MethodGet, "/dead-letters/purge", 405, "POST"},
		{http.MethodOptions, "/dead-letters/purge", 405, "POST"},
		{"BREW", "/status", 405, "GET"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := r.do(c.method, "http://console"+c.path, "{}")
			refused(t, w, c.status, "")
			assert.Equal(t, c.allow, w.Header().Get("Allow"))
			assert.Empty(t, w.Header().Get("Location"))
		})
	}
	assert.Equal(t, http.StatusOK, r.do(http.MethodHead, "/status", "").Code)
}

// strange are names that no entry has.
var strange = []string{
	"..", "../../../etc/passwd", "..\\..\\x", "/etc/passwd", "0/../0", ".writing-1", "x", "0x10", "-1", "1e3", "1-2",
	"17\x00", "17\n", " 17", "١٧", "17.json", "17.jsonl", strings.Repeat("1", 20), strings.Repeat("9", 10_000),
	"1-" + strings.Repeat("g", 36), "1-" + strings.Repeat("A", 36), "1-" + strings.Repeat("0", 37), "1-../../../../../../../../../../../etc/pw", "\xff", "<script>",
}

func TestStrangeNames(t *testing.T) {
	r := newRig(t)
	r.park(t, 1, "hello")
	for _, n := range strange {
		for _, end := range []string{"", "/export"} {
			w := r.do(http.MethodGet, "/dead-letters/"+url.PathEscape(n)+end, "")
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, w.Code, "%q", n)
			object[problem](t, w)
		}
		refused(t, r.do(http.MethodGet, "/dead-letters?after="+url.QueryEscape(n), ""), http.StatusBadRequest, "after is what next was")
		for _, action := range []string{"replay", "purge"} {
			refused(t, r.do(http.MethodPost, "/dead-letters/"+action, `{"ids":`+quoted(n)+`}`), http.StatusBadRequest, "cannot understand")
		}
	}
	for _, end := range []string{"", "/export"} {
		refused(t, r.do(http.MethodGet, "/dead-letters/17"+end, ""), http.StatusNotFound, "there is no such dead letter")
	}
	assert.Len(t, r.letters.Names(deadletter.Filter{}), 1)
}

// Whatever comes in, the answer is JSON with a status of the contract, and of
// the entries none goes that was not named with its count.
func FuzzRequests(f *testing.F) {
	for _, n := range strange {
		f.Add("GET", "/dead-letters/"+url.PathEscape(n), "", "")
	}
	f.Add("GET", "/dead-letters/17/export", "", "")
	f.Add("GET", "/dead-letters", "limit=500&after=17&from=2026-01-31T06:00:00Z&to=x&signal=logs&reason=%00", "")
	f.Add("GET", "/dead-letters/export", "from=%zz;a=b", "")
	f.Add("GET", "/dead-letters/..%2f..%2fetc%2fpasswd", "", "")
	f.Add("POST", "/dead-letters/replay", "", `{"ids":["17"]}`)
	f.Add("POST", "/dead-letters/replay", "", `{"filter":{"signal":"logs","from":"2026-01-31T06:00:00+01:00"}}`)
	f.Add("POST", "/dead-letters/purge", "", `{"ids":["1700000001000000000-00010000-0000-0000-0000-000000000000"],"count":2}`)
	f.Add("POST", "/dead-letters/purge", "", `{"filter":{},"count":-1}`)
	f.Add("POST", "/dead-letters/purge", "", `{"filter":null,"ids":null,"count":9e99}`)
	f.Add("POST", "/dead-letters/purge", "", `[{"filter":{}}]{}`)
	f.Add("POST", "/dead-letters/purge", "", strings.Repeat("[", 20_000))
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		req, err := http.NewRequest(method, "http://console/", strings.NewReader(body))
		if err != nil {
			return
		}
		if req.URL.Path, err = url.PathUnescape(path); err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		req.URL.RawPath, req.URL.RawQuery = path, query
		r := newRig(t)
		r.park(t, 1, "hello")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		require.Contains(t, []int{200, 400, 404, 405, 409, 413, 503}, w.Code, w.Body.String())
		if w.Code != http.StatusOK {
			require.NotEmpty(t, object[problem](t, w).Error)
			require.Len(t, r.letters.Names(deadletter.Filter{}), 1)
		}
	})
}
