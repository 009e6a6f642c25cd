package guard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/guard"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	local, network := guard.NewHosts(false, "127.0.0.1", "Engine.ship"), guard.NewHosts(true, "", "engine.ship")
	for host, want := range map[string][2]bool{ // on loopback, on the network
		"localhost":            {true, true},
		"LOCALHOST:13140":      {true, true},
		"127.0.0.1:8080":       {true, true},
		"[::1]:13140":          {true, true},
		"[::1]":                {true, true},
		"engine.ship:13140":    {true, true},
		"192.168.1.7:13140":    {false, true},
		"[fe80::1%25eth0]:1":   {false, true},
		"":                     {false, false},
		"evil.example":         {false, false},
		"evil.example:13140":   {false, false},
		"localhost.evil":       {false, false},
		"127.0.0.1.evil:13140": {false, false},
		"127.0.0.1@evil":       {false, false},
	} {
		assert.Equal(t, want, [2]bool{local.Allow(host), network.Allow(host)}, host)
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	type header map[string]string
	for name, c := range map[string]struct {
		method string
		header header
		want   int
	}{
		"reading":               {http.MethodGet, header{"Sec-Fetch-Site": "cross-site"}, http.StatusOK},
		"own page":              {http.MethodPost, header{"Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"typed":                 {http.MethodPost, header{"Sec-Fetch-Site": "none"}, http.StatusOK},
		"script":                {http.MethodPost, header{}, http.StatusOK},
		"old browser":           {http.MethodPost, header{"Origin": "http://127.0.0.1:13140"}, http.StatusOK},
		"other site":            {http.MethodPost, header{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"other port":            {http.MethodPost, header{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"old browser elsewhere": {http.MethodPost, header{"Origin": "http://evil.example"}, http.StatusForbidden},
		"no origin to speak of": {http.MethodPost, header{"Origin": "null"}, http.StatusForbidden},
		"form":                  {http.MethodPost, header{"Content-Type": "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType},
		"text":                  {http.MethodPost, header{"Content-Type": "text/plain; a=application/json"}, http.StatusUnsupportedMediaType},
		"no type":               {http.MethodPost, header{"Content-Type": ""}, http.StatusUnsupportedMediaType},
		"with a charset":        {http.MethodPost, header{"Content-Type": "application/json; charset=utf-8"}, http.StatusOK},
		"delete":                {http.MethodDelete, header{}, http.StatusMethodNotAllowed},
		"preflight":             {http.MethodOptions, header{"Origin": "http://evil.example"}, http.StatusMethodNotAllowed},
	} {
		r := httptest.NewRequest(c.method, "http://127.0.0.1:13140/api/v1/sinks/a/dead-letters/purge", http.NoBody)
		r.Header.Set("Content-Type", "application/json")
		for key, value := range c.header {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		refuse := func(w http.ResponseWriter, status int, _ string) { w.WriteHeader(status) }
		guard.Writes(refuse, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code, name)
	}
}
