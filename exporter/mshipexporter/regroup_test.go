package mshipexporter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hosttest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/journal"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// regrouped are parcels of so many records, in order: there is a link to save bytes of.
func regrouped(items int64) func(*Config) {
	return func(c *Config) {
		parcelsOf(items)(c)
		overLink(c)
	}
}

// Bytes are saved where they are paid for, and where it saves any.
func TestWhereParcelsAreRegrouped(t *testing.T) {
	const none, but, all = "", "logs metrics", "logs metrics traces"
	const link = `link: mship_link/vsat`
	for _, c := range []struct{ name, sink, more, want string }{
		{"zstd", `otlp_http: {endpoint: http://x, compression: zstd}`, link, all},
		{"gzip", `otlp_http: {endpoint: http://x, compression: gzip}`, link, but},
		{"the default is gzip", `otlp_http: {endpoint: http://x}`, link, but},
		{"none", `otlp_http: {endpoint: http://x, compression: none}`, link, but},
		{"gRPC", `otlp_grpc: {endpoint: "x:1"}`, link, but},
		{"gRPC with zstd", `otlp_grpc: {endpoint: "x:1", compression: zstd}`, link, all},
		{"unknown", `debug: `, link, none},
		{"off", `otlp_http: {endpoint: http://x, compression: zstd}`, link + `, regroup: off`, none},
		{"no link", `otlp_http: {endpoint: http://x, compression: zstd}`, `regroup: auto`, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := storagetest.New()
			a := board(t, disk, sinktest.New(nothing), `{sink: {`+c.sink+`}, `+c.more+`}`)
			a.host = hosttest.New(map[component.ID]component.Component{storagetest.ID: disk, linkID: &fakeLink{}}) // with the real sinks
			core, log := observer.New(zap.DebugLevel)
			a.set.Logger = zap.New(core)
			a.create()
			a.start()
			a.stop()
			var got []string
			for _, line := range log.FilterMessageSnippet("it is decided whether parcels are ordered").All() {
				said := line.ContextMap()
				assert.NotEmpty(t, said["why"])
				if said["regroup"] == true {
					got = append(got, fmt.Sprint(said["signal"]))
				}
			}
			slices.Sort(got)
			assert.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

// severe is a request of one record.
func severe(name string, severity plog.SeverityNumber) plog.Logs {
	ld := events(name)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr("host.name", "bridge-01")
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetSeverityNumber(severity)
	return ld
}

// coastguard remembers what came under each key.
type coastguard struct {
	mu   sync.Mutex
	came map[string][]plog.Logs
}

func (g *coastguard) note(ctx context.Context, a sinktest.Attempt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.came == nil {
		g.came = map[string][]plog.Logs{}
	}
	kept := plog.NewLogs()
	a.Data.(plog.Logs).CopyTo(kept)
	key := sinktest.Header(ctx).Get("Idempotency-Key")
	g.came[key] = append(g.came[key], kept)
}

// A parcel of small requests has their resource once and their records in
// order, also where the journal is read after a restart; and it never changes,
// however often it is sent.
func TestAParcelIsRegrouped(t *testing.T) {
	for name, restart := range map[string]bool{"in one run": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard := &coastguard{}
				shore := sinktest.New(func(ctx context.Context, a sinktest.Attempt) error {
					guard.note(ctx, a)
					return errNoLink
				})
				disk := storagetest.New()
				begin := func() *aboard {
					a := board(t, disk, shore, zstdSink, regrouped(100))
					a.host.GetExtensions()[linkID] = &fakeLink{}
					return a.start()
				}
				a := begin()
				for i := range 6 {
					require.NoError(t, a.logs.ConsumeLogs(t.Context(), severe(fmt.Sprint(i), plog.SeverityNumber(9+i%2*8))))
				}
				if restart {
					a.stop()
					require.Empty(t, disk.Items(), "all of it waits in the journal")
					a = begin()
				}
				time.Sleep(10 * time.Second)
				a.stop()
				shore.Answer(func(ctx context.Context, a sinktest.Attempt) error {
					guard.note(ctx, a)
					return nil
				})
				a = begin()
				time.Sleep(time.Minute)
				a.stop()
				require.Len(t, guard.came, 1)
				for _, attempts := range guard.came {
					require.Greater(t, len(attempts), 2)
					assert.Equal(t, 1, attempts[0].ResourceLogs().Len())
					for _, again := range attempts {
						assert.Equal(t, encoded(t, attempts[0]), encoded(t, again), "the same under the same key")
					}
				}
				assert.Equal(t, []string{"0 2 4 1 3 5"}, parcels(shore))
			})
		})
	}
}

// Without a link, and where it is off, a parcel is what came in, as it came.
func TestAParcelIsLeftAsItCame(t *testing.T) {
	for name, adjust := range map[string]func(*Config){
		"no link": parcelsOf(100),
		"off": func(c *Config) {
			regrouped(100)(c)
			c.Regroup = regroupOff
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shore := sinktest.New(sinktest.Take(0))
				a := board(t, storagetest.New(), shore, zstdSink, adjust)
				a.host.GetExtensions()[linkID] = &fakeLink{}
				a.start()
				for i := range 4 {
					require.NoError(t, a.logs.ConsumeLogs(t.Context(), severe(fmt.Sprint(i), plog.SeverityNumber(9+i%2*8))))
				}
				time.Sleep(time.Second)
				a.stop()
				assert.Equal(t, []string{"0 1 2 3"}, parcels(shore))
			})
		})
	}
}

// A parcel in memory is regrouped too, and takes less room than what it is made of.
func TestAParcelInMemoryIsRegrouped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Refuse(0, errNoLink))
		a := board(t, storagetest.New(), shore, zstdSink, regrouped(100), func(c *Config) { c.Queue.Get().StorageID = nil })
		a.host.GetExtensions()[linkID] = &fakeLink{}
		a.start()
		before := int64(0)
		for i := range 4 {
			request := severe(fmt.Sprint(i), plog.SeverityNumber(9+i%2*8))
			before += int64(len(encoded(t, request)))
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), request))
		}
		time.Sleep(time.Second)
		queued := a.logs.(*logsExporter).core.queued()
		assert.EqualValues(t, 4, queued.Records)
		assert.Less(t, queued.Bytes, before)
		shore.Answer(sinktest.Take(0))
		time.Sleep(3 * time.Minute)
		assert.Zero(t, a.logs.(*logsExporter).core.queued())
		a.stop()
		assert.Equal(t, []string{"0 2 1 3"}, parcels(shore))
	})
}

// What cannot be decoded goes on as it is, to whoever reports it.
func TestABodyThatDoesNotOpenIsLeftToItsReader(t *testing.T) {
	a := board(t, storagetest.New(), sinktest.New(nothing), zstdSink, regrouped(100))
	h := a.logs.(*logsExporter).handle
	good := h.encoding.Press([]byte{})
	assert.NotNil(t, h.regrouped([]journal.Piece{{Body: good.Frames}}))
	assert.Nil(t, h.regrouped([]journal.Piece{{Body: good.Frames}, {Body: []byte("no frame"), Bytes: 7, Records: 1}}))
	h.lane.regroup = true
	b, err := h.parcel([]journal.Piece{{Body: good.Frames}, {Body: []byte("no frame"), Bytes: 7, Records: 1}})
	require.NoError(t, err)
	assert.Equal(t, 1, b.Payload.Records())
	require.NoError(t, a.logs.Shutdown(t.Context()))
}
