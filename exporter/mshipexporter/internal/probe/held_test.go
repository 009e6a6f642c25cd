package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// holding is a link that lets a dial go when it is told to.
func holding(letGo <-chan struct{}) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		select {
		case <-letGo:
			return (&net.Dialer{}).DialContext(ctx, network, address)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// taking is an HTTP server that takes everything.
func taking(t *testing.T) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", protobuf) }))
	t.Cleanup(s.Close)
	return s.URL
}

// What the link holds back before it connects does not time out, over HTTP or gRPC.
func TestADialThatTheLinkHoldsIsNoSilence(t *testing.T) {
	unproxied(t)
	for name, attempt := range map[string]func(t *testing.T, p *Probe) error{
		"http": func(t *testing.T, p *Probe) error {
			_, _, err := post(t, client(t, p), taking(t), protobuf, []byte("x"))
			return err
		},
		"grpc": func(t *testing.T, p *Probe) error {
			address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
			_, _, err := export(t, dialLogs(t, p, address), 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			letGo := make(chan struct{})
			time.AfterFunc(5*silent, func() { close(letGo) })
			began := time.Now()
			require.NoError(t, attempt(t, &Probe{Silence: silent, Dial: holding(letGo)}))
			assert.Greater(t, time.Since(began), 4*silent, "the test is about waiting")
		})
	}
}

// A link may hold a dial for long: gRPC must not give it up, nor the attempt.
func TestADialThatTheLinkHoldsForADay(t *testing.T) {
	unproxied(t)
	synctest.Test(t, func(t *testing.T) {
		letGo := make(chan struct{})
		p := &Probe{Silence: time.Minute, Dial: holding(letGo)}
		ended := make(chan delivery.Reply, 1)
		ctx, cancel := context.WithCancel(t.Context())
		c := dialLogs(t, p, "passthrough:///shore.test:4317")
		go func() {
			answer := &delivery.Answer{Signal: delivery.Logs}
			_, _ = c.Export(delivery.WithAnswer(ctx, answer), plogotlp.NewExportRequest())
			reply, _ := answer.Reply()
			ended <- reply
		}()
		time.Sleep(26 * time.Hour)
		synctest.Wait()
		assert.Empty(t, ended)
		cancel()
		assert.False(t, (<-ended).Timeout)
	})
}

// A dial that nobody answers ends with the silence, so that the next attempt
// dials anew instead of waiting for it.
func TestADialThatNobodyAnswersEnds(t *testing.T) {
	unproxied(t)
	address, _ := serve(t, "127.0.0.1:0", func(context.Context) error { return nil })
	dials := 0
	c := dialLogs(t, &Probe{Silence: silent, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials++; dials == 1 {
			blocked := net.Dialer{ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}}
			return blocked.DialContext(ctx, network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}, address)
	reply, _, err := export(t, c, 1)
	require.Error(t, err)
	assert.True(t, reply.Timeout)
	require.Eventually(t, func() bool {
		_, _, err := export(t, c, 1)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	assert.Equal(t, 2, dials)
}
