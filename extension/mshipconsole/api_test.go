package mshipconsole

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSinksAreListed(t *testing.T) {
	t.Parallel()
	d := up(t)
	code, body := d.get("/api/v1/sinks")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"sinks":[]}`, body)

	shore := &fake{}
	shore.says(queue(10, 1))
	d.shows("shore", shore)
	d.shows("broken", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	code, body = d.get("/api/v1/sinks")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"sinks":[
		{"sink":"broken","error":"the sink failed while it answered; the agent's log says where",
		 "forecast":{"drain_records_per_second":0,"drain_bytes_per_second":0,"empty_at":null,"disk_full_at":null}},
		{"sink":"shore","breaker":{"state":"closed"},"queue":{"bytes":10,"records":1,"batches":1},"counters":{"delivered_records":7,"delivered_bytes":700},
		 "forecast":{"drain_records_per_second":0,"drain_bytes_per_second":0,"empty_at":null,"disk_full_at":null}}]}`, body)
	code, body = d.get("/api/v1/sinks/shore")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, body, `"sink":"shore"`)
	answer, body := d.ask(http.MethodGet, "/api/v1/sinks/broken", "", nil)
	refused(t, http.StatusServiceUnavailable, answer, body, "broken")
}

func TestWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	d := up(t)
	shore := &fake{answer: `{"entries":[]}`}
	name := `a/b <i>&"ü`
	d.shows(name, shore)
	const base = "/api/v1/sinks/a%2Fb%20%3Ci%3E&%22%C3%BC"
	code, body := d.get(base + "/dead-letters?signal=logs&limit=5")
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, shore.answer, body)
	answer, _ := d.ask(http.MethodPost, base+"/dead-letters/purge", `{"ids":["1-a"],"count":1}`, nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	assert.Contains(t, answer.Header.Get("Content-Security-Policy"), "sandbox")
	assert.Equal(t, []string{"GET /dead-letters?signal=logs&limit=5", "POST /dead-letters/purge"}, shore.asked)
	assert.Equal(t, []string{"", `{"ids":["1-a"],"count":1}`}, shore.bodies)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	d := up(t)
	shore := &fake{}
	shore.says(queue(0, 0))
	d.shows("shore", shore)
	long := strings.Repeat("x", 256<<10+1)
	for name, c := range map[string]struct {
		method, path, body string
		header             header
		want               int
	}{
		"no such sink":         {"GET", "/api/v1/sinks/other", "", nil, 404},
		"no such path":         {"GET", "/api/v1/", "", nil, 404},
		"no such page":         {"GET", "/etc/passwd", "", nil, 404},
		"no folder":            {"GET", "/vendor/", "", nil, 404},
		"page traversal":       {"GET", "/vendor/../../page.go", "", nil, 404},
		"page escape":          {"GET", "/%2e%2e/page.go", "", nil, 404},
		"hidden prefix":        {"GET", "/./api/v1/sinks", "", nil, 404},
		"traversal":            {"GET", "/api/v1/sinks/shore/dead-letters/../../x", "", nil, 400},
		"escaped traversal":    {"GET", "/api/v1/sinks/shore/dead-letters/..%2f..%2fetc%2fpasswd/export", "", nil, 400},
		"dots":                 {"GET", "/api/v1/sinks/shore/dead-letters/%2e%2e", "", nil, 400},
		"NUL":                  {"GET", "/api/v1/sinks/shore/dead-letters/a%00", "", nil, 400},
		"range":                {"GET", "/api/v1/sinks/shore/history?range=1y", "", nil, 400},
		"writing a view":       {"POST", "/api/v1/sinks", "{}", nil, 405},
		"writing a status":     {"POST", "/api/v1/sinks/shore", "{}", nil, 405},
		"writing history":      {"POST", "/api/v1/sinks/shore/history", "{}", nil, 405},
		"delete":               {"DELETE", "/api/v1/sinks/shore/dead-letters/1-a", "", nil, 405},
		"writing the page":     {"POST", "/", "{}", nil, 405},
		"another site":         {"POST", "/api/v1/sinks/shore/dead-letters/purge", "{}", header{"Sec-Fetch-Site": "cross-site"}, 403},
		"another origin":       {"POST", "/api/v1/sinks/shore/dead-letters/purge", "{}", header{"Origin": "http://evil.example"}, 403},
		"form":                 {"POST", "/api/v1/sinks/shore/dead-letters/purge", "{}", header{"Content-Type": "text/plain"}, 415},
		"another name":         {"GET", "/api/v1/sinks", "", header{"Host": "evil.example:13140"}, 403},
		"the page's too":       {"GET", "/", "", header{"Host": "evil.example:13140"}, 403},
		"too long":             {"POST", "/api/v1/sinks/shore/dead-letters/purge", long, nil, 413},
		"compressed":           {"POST", "/api/v1/sinks/shore/dead-letters/purge", "{}", header{"Content-Encoding": "gzip"}, 400},
		"too long for reading": {"GET", "/api/v1/sinks", long, nil, 413},
	} {
		answer, body := d.ask(c.method, c.path, c.body, c.header)
		refused(t, c.want, answer, body, name)
	}
	assert.Empty(t, shore.asked)
	answer, _ := d.ask(http.MethodGet, "/", "", header{"X-Long": strings.Repeat("x", 64<<10)})
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
	code, _ := d.get("/api/v1/sinks")
	assert.Equal(t, http.StatusOK, code, "it goes on as if nothing had been")
}

func TestABodyWithoutALength(t *testing.T) {
	t.Parallel()
	d := up(t)
	shore := &fake{answer: "{}"}
	d.shows("shore", shore)
	body := io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+"/api/v1/sinks/shore/dead-letters/purge", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.http.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	assert.Empty(t, shore.asked)
}

// The rings and the forecast are tested in their packages; this is the way from the sink's status to the answer.
func TestHistoryAndForecast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		shore := &fake{}
		d.shows("shore", shore)
		d.shows("hangs", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		const size, rate = 6e6, 1e4
		begin := time.Now()
		ctx := t.Context()
		go d.sample(ctx)
		for time.Since(begin) < 5*time.Minute {
			bytes := size - rate*time.Since(begin).Seconds()
			shore.says(queue(bytes, bytes/100))
			time.Sleep(time.Second)
		}
		time.Sleep(100 * time.Millisecond)
		a := &api{mounts: d.mounts, links: d.links, conns: d.conns, maxBody: 1, silence: time.Second}
		get := func(path string, into any) {
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/sinks/shore"+path, http.NoBody))
			require.Equal(t, http.StatusOK, w.Code)
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), into))
		}
		type forecast struct {
			DrainBytesPerSecond float64    `json:"drain_bytes_per_second"`
			EmptyAt             *time.Time `json:"empty_at"`
		}
		var alone forecast
		var inside struct{ Forecast forecast }
		get("/forecast", &alone)
		get("", &inside)
		assert.Equal(t, alone, inside.Forecast)
		assert.InEpsilon(t, rate, alone.DrainBytesPerSecond, 0.05)
		require.NotNil(t, alone.EmptyAt)
		assert.InEpsilon(t, 300.0, time.Until(*alone.EmptyAt).Seconds(), 0.05)
		var series struct {
			StepSeconds float64 `json:"step_seconds"`
			Points      []struct {
				QueueBytes *float64 `json:"queue_bytes"`
			}
		}
		get("/history?range=1h", &series)
		assert.Equal(t, 5.0, series.StepSeconds)
		assert.InDelta(t, 60, len(series.Points), 1)
		get("/history?range=24h", &series)
		assert.Equal(t, 120.0, series.StepSeconds)
		assert.Len(t, series.Points, 3)
	})
}
