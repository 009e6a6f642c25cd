package shore_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// readPort reads the port from an HTTP endpoint.
func readPort(endpoint string, port *int) (int, error) {
	return fmt.Sscanf(endpoint, "http://127.0.0.1:%d", port)
}

const (
	protobuf = "application/x-protobuf"
	jsonText = "application/json"
)

// answer is what a client saw.
type answer struct {
	status int
	header http.Header
	body   string
}

// post sends raw bytes to /v1/logs, without following redirects.
func post(t *testing.T, s *shore.Shore, contentType, encoding string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPEndpoint()+"/v1/logs", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) answer {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{response.StatusCode, response.Header, string(body)}
}

// request is n log records in the given content type.
func request(t *testing.T, contentType string, n int) []byte {
	t.Helper()
	r := plogotlp.NewExportRequestFromLogs(load.Logs(0, n, time.Now()))
	marshal := r.MarshalProto
	if contentType == jsonText {
		marshal = r.MarshalJSON
	}
	body, err := marshal()
	require.NoError(t, err)
	return body
}

// compressed is body in the given encoding.
func compressed(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		encoder, err := zstd.NewWriter(&b)
		require.NoError(t, err)
		w = encoder
	default:
		return body
	}
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestHTTPTakesEveryEncodingAndAnswersInKind(t *testing.T) {
	for _, contentType := range []string{protobuf, jsonText} {
		for _, encoding := range []string{"", "gzip", "zstd"} {
			t.Run(contentType+" "+encoding, func(t *testing.T) {
				s := shore.Start(t)
				body := compressed(t, encoding, request(t, contentType, 5))

				got := post(t, s, contentType, encoding, body)

				assert.Equal(t, 200, got.status)
				assert.Equal(t, contentType, got.header.Get("Content-Type"))
				response := plogotlp.NewExportResponse()
				if contentType == jsonText {
					require.NoError(t, response.UnmarshalJSON([]byte(got.body)))
				} else {
					require.NoError(t, response.UnmarshalProto([]byte(got.body)))
				}
				assert.Equal(t, 5, s.Delivered())
				assert.Equal(t, len(body), last(t, s).Bytes)
			})
		}
	}
}

func TestHTTPRefusesWhatItCannotRead(t *testing.T) {
	s := shore.Start(t)
	assert.Equal(t, 415, post(t, s, "text/plain", "", []byte("hello")).status)
	assert.Equal(t, 415, post(t, s, protobuf, "br", request(t, protobuf, 1)).status)
	assert.Equal(t, 400, post(t, s, protobuf, "gzip", []byte("no gzip")).status)
	assert.Equal(t, 400, post(t, s, protobuf, "", []byte("no protobuf")).status)
	assert.Equal(t, shore.Refused, last(t, s).Fate)
	assert.Zero(t, s.Delivered())
	assert.Zero(t, s.InFlight())
}

func TestHTTPAnswersThatProveNothing(t *testing.T) {
	s := shore.Start(t)
	body := request(t, protobuf, 1)

	s.SetFault(shore.CaptivePortal())
	got := post(t, s, protobuf, "", body)
	assert.Equal(t, 200, got.status)
	assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
	assert.Contains(t, got.body, "<html>")

	s.SetFault(shore.RedirectTo(s.PortalURL()))
	got = post(t, s, protobuf, "", body)
	assert.Equal(t, 302, got.status)
	assert.Equal(t, s.PortalURL(), got.header.Get("Location"))

	s.SetFault(shore.EmptyOK())
	got = post(t, s, protobuf, "", body)
	assert.Equal(t, 200, got.status)
	assert.NotContains(t, got.header, "Content-Type")
	assert.Empty(t, got.body)

	s.SetFault(shore.NoContent())
	got = post(t, s, protobuf, "", body)
	assert.Equal(t, 204, got.status)
	assert.NotContains(t, got.header, "Content-Type")
	assert.Zero(t, s.Delivered())
}

func TestPortalAnswersEverythingWithAPage(t *testing.T) {
	s := shore.Start(t, shore.WithFault(shore.Status(500)))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		request, err := http.NewRequestWithContext(t.Context(), method, s.PortalURL(), strings.NewReader(""))
		require.NoError(t, err)
		got := do(t, request)
		assert.Equal(t, 200, got.status)
		assert.Contains(t, got.body, "<html>")
	}
	assert.Equal(t, 2, s.PortalHits())
	assert.Empty(t, s.Requests())
}

func TestHTTPRetryAfterHeaders(t *testing.T) {
	s := shore.Start(t)
	s.SetFault(shore.Status(429, shore.RetryAfter(6100e6), shore.WithBody("text/odd", "{}")))
	got := post(t, s, protobuf, "", nil)
	assert.Equal(t, "7", got.header.Get("Retry-After"))
	assert.Equal(t, "text/odd", got.header.Get("Content-Type"))

	s.SetFault(shore.Status(503, shore.RetryAfterDate(7e9), shore.Skew(3600e9)))
	got = post(t, s, protobuf, "", nil)
	date, err := http.ParseTime(got.header.Get("Date"))
	require.NoError(t, err)
	due, err := http.ParseTime(got.header.Get("Retry-After"))
	require.NoError(t, err)
	assert.EqualValues(t, 7e9, due.Sub(date))
	assert.InDelta(t, 3600, date.Sub(last(t, s).Arrived).Seconds(), 5)
}
