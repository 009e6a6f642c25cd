package compare

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

const (
	ships = 2000
	// requests of all ships together in a voyage: enough that its first and last ones do not count.
	requests = 6 * ships
	// leastRatio of the throughput without mship_dedup.
	leastRatio = 0.9
)

// destination is what stands behind the receiver of a shore.
type destination struct {
	name   string
	config func(b *testing.B, backend string) agent.Config
	// keeps: it hands everything on to the back end, and a voyage ends when that has it all.
	keeps bool
	// pairs of voyages, to either shore: what else the machine does hits both. Each comes first
	// in every other pair. Short voyages differ more, by what the garbage collectors do in them.
	pairs int
}

var destinations = []destination{
	{"shore.yaml", shoreYAML, true, 8},
	{"stock", stock, true, 16},
	// Hardly anything is measured but mship_dedup, and half of that is what any wait costs in a server
	// that has no processor to spare: caches that are cold, stacks to scan, buffers that are not given back.
	{"nothing", nothing, false, 60},
}

func shoreYAML(b *testing.B, backend string) agent.Config {
	b.Helper()
	cfg, err := agent.Shore(backend)
	require.NoError(b, err)
	return cfg
}

// stock is what many have: the stock exporter, and its queue in memory.
func stock(_ *testing.B, backend string) agent.Config {
	return agent.Config{Stock: true, Endpoint: backend, Queue: agent.Queue{InMemory: true, BlockOnOverflow: true, Storage: "mship_storage"}}
}

func nothing(_ *testing.B, backend string) agent.Config {
	return agent.Config{
		Stock: true, Endpoint: backend, Queue: agent.Queue{InMemory: true, Storage: "mship_storage"},
		Overlay: `{exporters: {debug: {sampling_initial: 1, sampling_thereafter: 1000000000}}, service: {pipelines: {logs: {exporters: [debug]}}}}`,
	}
}

// BenchmarkFleet is 2,000 ships, each on a connection of its own, that send to a
// shore with mship_dedup and to one without, in turn. It reports the requests per
// second of both, and the median of the pairs' ratios: a burst of other work hits
// one voyage and not the other.
func BenchmarkFleet(b *testing.B) {
	for _, d := range destinations {
		b.Run(d.name+"/http", func(b *testing.B) { d.measure(b, byPost) })
		b.Run(d.name+"/grpc", func(b *testing.B) { d.measure(b, byCall) })
	}
}

func (d destination) measure(b *testing.B, launch launch) {
	b.Helper()
	for b.Loop() {
		routes := [2]*route{d.route(b, launch, false), d.route(b, launch, true)}
		for _, r := range routes {
			r.voyage(b, "first") // they connect, and buffers and heap grow to what they need
		}
		var took [2]time.Duration
		var ratios []float64
		for pair := range d.pairs {
			var both [2]time.Duration
			for turn := range routes {
				i := (pair + turn) % 2
				both[i] = routes[i].voyage(b, fmt.Sprint(pair))
				took[i] += both[i]
			}
			ratios = append(ratios, both[0].Seconds()/both[1].Seconds())
		}
		keys, _ := routes[1].ashore.Metric("mship_dedup_keys", nil)
		assert.EqualValues(b, routes[1].sent, keys, "mship_dedup has every key")
		d.report(b, took, ratios)
	}
}

func (d destination) report(b *testing.B, took [2]time.Duration, ratios []float64) {
	b.Helper()
	ratio, sent := median(ratios), float64(d.pairs*requests)
	b.ReportMetric(sent/took[0].Seconds(), "without-req/s")
	b.ReportMetric(sent/took[1].Seconds(), "with-req/s")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(0, "ns/op")
	b.Logf("ratios: %.2f", ratios)
	if ratio < leastRatio {
		b.Errorf("throughput with mship_dedup is %.2f of that without it, less than %.1f", ratio, leastRatio)
	}
}

// route is a fleet and its shore.
type route struct {
	destination

	ashore *agent.Agent
	fleet  []ship
	sent   int64
	// kept is how many requests the back end has.
	kept atomic.Int64
}

func (d destination) route(b *testing.B, launch launch, dedup bool) *route {
	b.Helper()
	r := &route{destination: d}
	backend := httptest.NewServer(r)
	b.Cleanup(backend.Close)
	cfg := d.config(b, backend.URL)
	cfg.Dedup = dedup
	r.ashore = agent.Start(b, cfg)
	r.fleet = launch(b, r.ashore)
	return r
}

// ServeHTTP is a back end that takes everything.
func (r *route) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if _, err := io.Copy(io.Discard, request.Body); err == nil {
		w.Header().Set("Content-Type", request.Header.Get("Content-Type"))
		r.kept.Add(1)
	}
}

// voyage returns how long it took. Its name goes into the keys.
func (r *route) voyage(b *testing.B, name string) time.Duration {
	b.Helper()
	begun := time.Now()
	require.NoError(b, sail(b.Context(), r.fleet, requests, name))
	r.sent += requests
	for end := begun.Add(5 * time.Minute); r.keeps && r.kept.Load() < r.sent; <-time.After(time.Millisecond) {
		require.True(b, time.Now().Before(end), "the back end has %d of %d requests", r.kept.Load(), r.sent)
	}
	return time.Since(begun)
}
