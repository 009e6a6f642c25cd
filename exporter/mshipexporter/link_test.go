package mshipexporter

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hosttest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/seatest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

var linkID = component.MustNewIDWithName("mship_link", "vsat")

// nothing is a far end that takes everything.
func nothing(context.Context, sinktest.Attempt) error { return nil }

// fakeLink counts the connections that are made over it.
type fakeLink struct {
	component.StartFunc
	component.ShutdownFunc
	sink         string
	weight       int
	urgent       bool
	dialed, left atomic.Int64
}

var (
	_ uplink = (*fakeLink)(nil)
	_ uplink = (*tollLink)(nil)
	_ uplink = (*seatest.Sea)(nil)
)

func (l *fakeLink) Dialer(sink string, weight int, urgent bool) (dial func(ctx context.Context, network, address string) (net.Conn, error), leave func()) {
	l.sink, l.weight, l.urgent = sink, weight, urgent
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		l.dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}, func() { l.left.Add(1) }
}

// Toll grants everything at once.
func (l *fakeLink) Toll(string, int, bool) (pay func(ctx context.Context, bytes int, express bool) (done func(sent bool), err error), leave func()) {
	return func(context.Context, int, bool) (func(bool), error) { return func(bool) {}, nil }, func() { l.left.Add(1) }
}

func TestTheSinkConnectsOverTheLink(t *testing.T) {
	link := &fakeLink{}
	shore := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	}))
	defer shore.Close()
	disk := storagetest.New()
	a := board(t, disk, sinktest.New(nothing), `{sink: {otlp_http: {endpoint: "`+shore.URL+`", compression: none}}, link_weight: 4, urgent: false}`, overLink)
	a.host = hosttest.New(map[component.ID]component.Component{storagetest.ID: disk, linkID: link}) // with the real otlp_http
	a.start()
	require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs("x")))
	require.Eventually(t, func() bool { return a.logs.(*logsExporter).core.queued().Batches == 0 }, 10*time.Second, time.Millisecond)
	a.stop()
	assert.EqualValues(t, 1, link.dialed.Load())
	assert.EqualValues(t, 2, link.left.Load())
	assert.Equal(t, "shore", link.sink)
	assert.Equal(t, 4, link.weight)
	assert.False(t, link.urgent)
	assert.Zero(t, a.lines("the link does not see"))
}

func overLink(c *Config) { c.Link = &linkID }

func TestALinkThatIsNone(t *testing.T) {
	for says, extension := range map[string]component.Component{
		"there is no extension \"mship_link/vsat\"": nil,
		"extension \"mship_link/vsat\" is no link":  storagetest.New(),
	} {
		a := board(t, storagetest.New(), sinktest.New(nothing), plainSink, overLink)
		if extension != nil {
			a.host.GetExtensions()[linkID] = extension
		}
		assert.ErrorContains(t, a.logs.Start(t.Context(), a.host), says)
		require.NoError(t, a.logs.Shutdown(t.Context()))
	}
}
