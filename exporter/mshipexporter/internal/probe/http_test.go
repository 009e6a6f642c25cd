package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const protobuf = "application/x-protobuf"

// client is an HTTP client with the probe in it, as confighttp builds one.
func client(t *testing.T, p *Probe, adjust ...func(*http.Transport)) *http.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	for _, f := range adjust {
		f(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	wrap, err := p.GetHTTPRoundTripper(t.Context())
	require.NoError(t, err)
	rt, err := wrap(t.Context(), transport)
	require.NoError(t, err)
	return &http.Client{Transport: rt}
}

// post makes one attempt and gives what the chain gets to know of it.
func post(t *testing.T, c *http.Client, url, contentType string, body []byte, header ...string) (delivery.Reply, bool, error) {
	t.Helper()
	answer := &delivery.Answer{Signal: delivery.Logs}
	req, err := http.NewRequestWithContext(delivery.WithAnswer(t.Context(), answer), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	reply, seen := answer.Reply()
	return reply, seen, err
}

func answering(t *testing.T, status int, contentType, body string, header ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = nil // else net/http guesses one
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func partialSuccess(t *testing.T) string {
	t.Helper()
	r := plogotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedLogRecords(3)
	b, err := r.MarshalProto()
	require.NoError(t, err)
	return string(b)
}

func TestProofOfDelivery(t *testing.T) {
	const page = "<!DOCTYPE html><html>please log in</html>"
	for _, c := range []struct {
		name              string
		proof             Proof
		asked             string
		status            int
		contentType, body string
		accepted          bool
		message           string
	}{
		{"OTLP", ProofOTLP, protobuf, 200, protobuf, "", true, ""},
		{"OTLP with a partial success", ProofOTLP, protobuf, 200, protobuf, partialSuccess(t), true, ""},
		{"OTLP with a charset", ProofOTLP, protobuf, 200, protobuf + "; charset=utf-8", "", true, ""},
		{"OTLP, 202", ProofOTLP, protobuf, 202, protobuf, "", true, ""},
		{"OTLP-JSON", ProofOTLP, jsonType, 200, jsonType, `{"partialSuccess":{}}`, true, ""},
		{"OTLP-JSON, empty", ProofOTLP, jsonType, 200, jsonType, "", true, ""},
		{"captive portal", ProofOTLP, protobuf, 200, "text/html", page, false, "as captive portals and proxies send it"},
		{"captive portal that lies about its type", ProofOTLP, protobuf, 200, protobuf, page, false, "as captive portals"},
		{"bare 200", ProofOTLP, protobuf, 200, "", "", false, "set delivery_proof: status"},
		{"204", ProofOTLP, protobuf, 204, "", "", false, "the far end answered 204 without content type"},
		{"JSON of a portal", ProofOTLP, jsonType, 200, jsonType, `{"login":"required"}`, false, "not an OTLP answer"},
		{"JSON where protobuf was asked", ProofOTLP, protobuf, 200, jsonType, "{}", false, "set delivery_proof: status"},
		{"protobuf that does not decode", ProofOTLP, protobuf, 200, protobuf, "\xff\xff\xff\xff", false, "not an OTLP answer"},
		{"status: 204", ProofStatus, protobuf, 204, "", "", true, ""},
		{"status: bare 200", ProofStatus, protobuf, 200, "", "", true, ""},
		{"status: text", ProofStatus, protobuf, 200, "text/plain", "ok", true, ""},
		{"status: captive portal", ProofStatus, protobuf, 200, "text/html", "", false, "as captive portals"},
		{"status: portal without a type", ProofStatus, protobuf, 200, "", page, false, "as captive portals"},
		{"status: 503", ProofStatus, protobuf, 503, "", "", false, "the far end answered 503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := answering(t, c.status, c.contentType, c.body)
			reply, seen, err := post(t, client(t, &Probe{Silence: 5 * time.Second, Proof: c.proof}), s.URL, c.asked, []byte("x"))
			assert.True(t, seen)
			assert.Equal(t, c.accepted, reply.Accepted)
			assert.Equal(t, c.status, reply.Status)
			if c.accepted {
				assert.NoError(t, err)
				return
			}
			assert.Contains(t, reply.Message, c.message)
			assert.NotContains(t, reply.Message, "\n")
			if c.status < 300 {
				assert.Error(t, err, "the sink must not take it for success")
			}
		})
	}
}

func TestTheSinksOwnWord(t *testing.T) {
	p := &Probe{Silence: 5 * time.Second, Proof: ProofSink}
	_, seen, err := post(t, client(t, p), answering(t, 200, "text/html", "hello").URL, "text/plain", nil)
	require.NoError(t, err)
	assert.False(t, seen)
	reply, seen, err := post(t, client(t, p), answering(t, 422, "text/plain", "no such\nfield").URL, "text/plain", nil)
	require.NoError(t, err)
	assert.True(t, seen)
	assert.Equal(t, 422, reply.Status)
	assert.Equal(t, `the far end answered 422 with content type "text/plain" (no such field)`, reply.Message)
}

// A redirect is not followed, so no credential goes where it points.
func TestARedirectIsNotFollowed(t *testing.T) {
	var hits atomic.Int32
	portal := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer portal.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := answering(t, status, "", "", "Location", portal.URL)
		reply, _, err := post(t, client(t, &Probe{Silence: 5 * time.Second}), s.URL, protobuf, []byte("x"), "Api-Key", "secret")
		require.ErrorContains(t, err, "a redirect, which is not followed")
		assert.Equal(t, status, reply.Status)
		assert.False(t, reply.Accepted)
	}
	assert.Zero(t, hits.Load())
}

func TestRetryAfterComesWithTheAnswer(t *testing.T) {
	s := answering(t, 429, "", "", "Retry-After", "7")
	reply, _, err := post(t, client(t, &Probe{Silence: 5 * time.Second}), s.URL, protobuf, nil)
	require.NoError(t, err, "the sink sees the response")
	assert.Equal(t, 7*time.Second, reply.RetryAfter)
}

// net/http resends by itself what carries an Idempotency-Key when a kept
// connection breaks: attempts that nobody counted, copies where nobody asks
// for keys.
func TestEveryAttemptIsOurs(t *testing.T) {
	var hits atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if hits.Add(1) == 1 {
			w.Header().Set("Content-Type", protobuf)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			_ = conn.Close()
		}
	}))
	defer s.Close()
	c := client(t, &Probe{Silence: 5 * time.Second})
	_, _, err := post(t, c, s.URL, protobuf, []byte("x"), "Idempotency-Key", "1")
	require.NoError(t, err)
	reply, seen, err := post(t, c, s.URL, protobuf, []byte("x"), "Idempotency-Key", "2")
	require.Error(t, err)
	assert.True(t, seen)
	assert.Zero(t, reply.Status)
	assert.EqualValues(t, 2, hits.Load())
}

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	reply, _, err := post(t, client(t, &Probe{Silence: 5 * time.Second}), "http://"+l.Addr().String(), protobuf, nil)
	require.Error(t, err)
	assert.Equal(t, "no connection", reply.Message)
	assert.ErrorContains(t, reply.Err, "refused")
	assert.False(t, reply.Timeout)
}

func TestAnAnswerThatBreaksOff(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", protobuf)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	}))
	defer s.Close()
	reply, _, err := post(t, client(t, &Probe{Silence: 5 * time.Second}), s.URL, protobuf, nil)
	require.Error(t, err)
	assert.False(t, reply.Accepted)
	assert.ErrorContains(t, reply.Err, "the answer broke off after 4 bytes")
}

func TestWithoutAnAnswerToFillTheProbeIsNotThere(t *testing.T) {
	s := answering(t, 302, "", "", "Location", "/elsewhere")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodHead, s.URL, nil)
	require.NoError(t, err)
	c := client(t, &Probe{Silence: time.Second})
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 302, resp.StatusCode)
}

func TestOneLineIsOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"two\r\nlines\x00\x1b[31m": "two lines [31m",
		"\xff\xfe":                 "",
		strings.Repeat("ä", 500):   strings.Repeat("ä", maxMessage) + "…",
	} {
		assert.Equal(t, want, oneLine(in))
	}
}

// The batch's id is the key of each attempt; a second request of one attempt
// has another one, or the far end would take it for the first.
func TestTheKeyTravels(t *testing.T) {
	id := delivery.ID{1, 2, 3, 0xff}
	for name, c := range map[string]struct {
		header, read string
		requests     int
	}{
		"the usual name": {"Idempotency-Key", "Idempotency-Key", 3},
		"another name":   {"x-batch", "X-Batch", 2},
		"none":           {"", "Idempotency-Key", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				keys = append(keys, r.Header.Get(c.read))
				w.Header().Set("Content-Type", protobuf)
			}))
			defer s.Close()
			cl := client(t, &Probe{Silence: 5 * time.Second, Header: c.header})
			attempt := func() []string {
				keys = nil
				answer := &delivery.Answer{Batch: id, Signal: delivery.Logs}
				for range c.requests {
					req, err := http.NewRequestWithContext(delivery.WithAnswer(t.Context(), answer), http.MethodPost, s.URL, strings.NewReader("x"))
					require.NoError(t, err)
					req.Header.Set("Content-Type", protobuf)
					resp, err := cl.Do(req)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
				}
				return keys
			}
			first := attempt()
			assert.Equal(t, first, attempt(), "the same in every attempt")
			if c.header == "" {
				assert.Equal(t, []string{""}, first)
				return
			}
			assert.Equal(t, id.String(), first[0])
			assert.Len(t, unique(first), c.requests)
		})
	}
}

func unique(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}
	return out
}
