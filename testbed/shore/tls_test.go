package shore_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestAShoreOverTLS(t *testing.T) {
	t.Parallel()
	identity, caFile, err := shore.NewIdentity(t.TempDir())
	require.NoError(t, err)
	s := shore.Start(t, shore.WithTLS(identity))
	authority, err := os.ReadFile(caFile)
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(authority))

	for _, two := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: two}
		for fault, ok := range map[string]bool{"accept": true, "reset": false} {
			s.SetFault(map[string]shore.Fault{"accept": shore.Accept(), "reset": shore.Reset()}[fault])
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPEndpoint()+"/v1/logs", http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Content-Type", protobuf)
			response, err := transport.RoundTrip(request)
			if !ok {
				assert.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, http.StatusOK, response.StatusCode)
			assert.Equal(t, two, response.ProtoMajor == 2)
		}
		transport.CloseIdleConnections()
	}
	assert.Error(t, load.NewHTTP(s.HTTPEndpoint()).Send(t.Context(), load.Batch{Signal: record.Logs, N: 1}), "nobody trusts it")
}

// Noise keeps its size on the wire, and the shore knows how old the records are.
func TestNoiseAndAgeArrive(t *testing.T) {
	t.Parallel()
	s := shore.Start(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 1000, time.UTC)
	for _, protocol := range []shore.Protocol{shore.HTTP, shore.GRPC} {
		require.NoError(t, senderTo(t, s, protocol).Send(t.Context(), load.Batch{Signal: record.Logs, N: 50, At: noon, Noise: 2000}))
	}
	compressed := load.NewHTTP(s.HTTPEndpoint())
	compressed.Gzip = true
	require.NoError(t, compressed.Send(t.Context(), load.Batch{Signal: record.Logs, N: 50, At: noon, Noise: 2000}))
	entries := s.Requests()
	require.Len(t, entries, 3)
	for i, e := range entries {
		assert.Greater(t, e.Bytes, []int{100_000, 100_000, 50_000}[i])
		assert.Equal(t, noon, e.Oldest)
	}
}
