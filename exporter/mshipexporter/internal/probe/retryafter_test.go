package probe

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ours := sent.Add(9 * 365 * 24 * time.Hour) // a ship's clock lies
	date := func(d time.Duration) string { return sent.Add(d).Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"":                       0,
		"7":                      7 * time.Second,
		" 7 ":                    7 * time.Second,
		"0":                      0,
		"-7":                     0,
		"7.5":                    0,
		"soon":                   0,
		"86400":                  24 * time.Hour,
		"86401":                  24 * time.Hour,
		"99999999999999999999":   24 * time.Hour,
		date(7 * time.Second):    7 * time.Second,
		date(-time.Hour):         0,
		date(1000 * time.Hour):   24 * time.Hour,
		"Sun, 01 Mar 2026 99:00": 0,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {sent.Format(http.TimeFormat)}}
		assert.Equal(t, want, retryAfter(h, ours), value)
	}
	assert.Equal(t, 7*time.Second, retryAfter(http.Header{"Retry-After": {date(7 * time.Second)}}, sent), "without Date by our own clock")
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("Sun, 01 Mar 2026 12:00:07 GMT", "Sun, 01 Mar 2026 12:00:00 GMT")
	f.Add("99999999999999999999", "x")
	f.Fuzz(func(t *testing.T, value, date string) {
		d := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, time.Unix(0, 0))
		assert.GreaterOrEqual(t, d, time.Duration(0))
		assert.LessOrEqual(t, d, maxPause)
	})
}

func FuzzProof(f *testing.F) {
	f.Add("application/x-protobuf", "application/x-protobuf", []byte{0x0a, 0x02, 0x08, 0x03}, 200)
	f.Add("application/json", "application/json", []byte(`{"partialSuccess":{"errorMessage":"x"}}`), 200)
	f.Add("application/x-protobuf", "text/html", []byte("<html>"), 200)
	f.Fuzz(func(t *testing.T, asked, got string, body []byte, status int) {
		req := &http.Request{Header: http.Header{"Content-Type": {asked}}}
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {got}}}
		if prove(ProofOTLP, "logs", req, resp, body) == nil {
			assert.NoError(t, prove(ProofStatus, "logs", req, resp, body), "what proves more proves less")
		}
		assert.NotContains(t, describe(resp, body), "\n")
	})
}
