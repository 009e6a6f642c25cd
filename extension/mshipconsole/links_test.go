package mshipconsole

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// showsLink mounts a fake.
func (d *desk) showsLink(name string, h http.Handler) {
	d.t.Helper()
	unmount, err := d.MountLink(name, h)
	require.NoError(d.t, err)
	d.t.Cleanup(unmount)
}

func TestLinksAreListed(t *testing.T) {
	t.Parallel()
	d := up(t)
	code, body := d.get("/api/v1/links")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"links":[]}`, body)

	vsat, hostile := &fake{}, &fake{}
	vsat.says(map[string]any{"link": "what it calls itself", "rate_bytes_per_second": 7, "costs": map[string]any{"sinks": []any{map[string]any{"sink": "<b>\u202e"}}}})
	hostile.says(map[string]any{"rate_bytes_per_second": "7", "allowance": nil})
	d.showsLink("mship_link/vsat", vsat)
	d.showsLink(`<img src=x>/../"`, hostile)
	d.showsLink("mship_link/broken", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	code, body = d.get("/api/v1/links")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"links":[
		{"link":"<img src=x>/../\"","rate_bytes_per_second":"7","allowance":null},
		{"link":"mship_link/broken","error":"the link failed while it answered; the agent's log says where"},
		{"link":"mship_link/vsat","rate_bytes_per_second":7,"costs":{"sinks":[{"sink":"<b>\u202e"}]}}]}`, body)
	assert.Equal(t, 1, d.logs.FilterMessage("a link panicked while it answered the console").Len())
	code, body = d.get("/api/v1/links/mship_link%2Fvsat")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, body, `"link":"mship_link/vsat"`)
	answer, body := d.ask(http.MethodGet, "/api/v1/links/mship_link%2Fbroken", "", nil)
	refused(t, http.StatusServiceUnavailable, answer, body, "broken")
	code, body = d.get("/api/v1/sinks")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"sinks":[]}`, body, "a link is no sink")
	_, err := d.MountLink("mship_link/vsat", vsat)
	require.ErrorContains(t, err, "another link is shown under the name")
}

func TestWhatIsRefusedOfALink(t *testing.T) {
	t.Parallel()
	d := up(t)
	vsat := &fake{}
	vsat.says(map[string]any{})
	d.showsLink("vsat", vsat)
	for name, c := range map[string]struct {
		method, path string
		want         int
	}{
		"no such link":    {"GET", "/api/v1/links/other", 404},
		"a sink's name":   {"GET", "/api/v1/sinks/vsat", 404},
		"no such path":    {"GET", "/api/v1/links/vsat/dead-letters", 404},
		"its own path":    {"GET", "/api/v1/links/vsat/status", 404},
		"traversal":       {"GET", "/api/v1/links/vsat/../x", 400},
		"range":           {"GET", "/api/v1/links/vsat/history?range=1y", 400},
		"writing a list":  {"POST", "/api/v1/links", 405},
		"writing a link":  {"POST", "/api/v1/links/vsat", 405},
		"writing history": {"POST", "/api/v1/links/vsat/history", 405},
	} {
		answer, body := d.ask(c.method, c.path, "{}", nil)
		refused(t, c.want, answer, body, name)
	}
	assert.Empty(t, vsat.asked, "nothing else reaches the link")
}

func TestALinksHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		vsat := &fake{}
		d.showsLink("vsat", vsat)
		const rate = 1000
		begin := time.Now()
		go d.sample(t.Context())
		time.Sleep(500 * time.Millisecond) // never at the moment at which it is asked
		for time.Since(begin) < 5*time.Minute {
			vsat.says(map[string]any{"up_bytes": rate * time.Since(begin).Seconds()})
			time.Sleep(time.Second)
		}
		a := &api{mounts: d.mounts, links: d.links, conns: d.conns, maxBody: 1, silence: time.Second}
		for path, step := range map[string]float64{"?range=1h": 5, "?range=24h": 120} {
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/links/vsat/history"+path, http.NoBody))
			require.Equal(t, http.StatusOK, w.Code)
			var series struct {
				StepSeconds float64 `json:"step_seconds"`
				Points      []struct {
					UpBytes *float64 `json:"up_bytes"`
				}
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &series))
			assert.Equal(t, step, series.StepSeconds)
			require.Greater(t, len(series.Points), 2)
			require.NotNil(t, series.Points[1].UpBytes)
			assert.InEpsilon(t, rate*step, *series.Points[1].UpBytes, 0.01)
		}
	})
}
