package mshipexporter

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hosttest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/seatest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// atSea is a ship whose real OTLP sink sends over a satellite link.
type atSea struct {
	*aboard
	sea   *seatest.Sea
	shore *seatest.Shore
}

const satcomRest = 120 * time.Second

// sail is in the bubble of a test.
func sail(t *testing.T, sink string, adjust ...func(*Config)) *atSea {
	t.Helper()
	s := &atSea{sea: seatest.New(roundTrip)}
	settings := `{sink: {otlp_http: {endpoint: "http://127.0.0.1:4318", compression: none}}}`
	if sink == "otlp_grpc" {
		settings = `{sink: {otlp_grpc: {endpoint: "127.0.0.1:4317", tls: {insecure: true}, compression: none}}}`
		s.shore = s.sea.ServeGRPC()
	} else {
		s.shore = s.sea.ServeHTTP()
	}
	disk := storagetest.New()
	adjust = append([]func(*Config){overLink, func(c *Config) { c.CircuitBreaker.OpenDuration = satcomRest }}, adjust...)
	s.aboard = board(t, disk, sinktest.New(nothing), settings, adjust...)
	s.host = hosttest.New(map[component.ID]component.Component{storagetest.ID: disk, linkID: s.sea})
	s.start()
	return s
}

func (s *atSea) land() {
	s.t.Helper()
	s.stop()
	s.shore.Close()
}

func (s *atSea) queued() int64 { return s.logs.(*logsExporter).core.queued().Batches }

// unproxied: behind a proxy there is no early wake.
func unproxied(t *testing.T) {
	t.Helper()
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("https_proxy", "")
}

// hand gives the exporter a batch of so many bytes, or a few more.
func (s *atSea) hand(bytes int) {
	s.t.Helper()
	require.NoError(s.t, s.logs.ConsumeLogs(s.t.Context(), sinktest.Logs(strings.Repeat("x", bytes))))
}

// send hands one over each interval, until the time is over.
func (s *atSea) send(d, interval time.Duration, bytes int) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(interval) {
		s.hand(bytes)
	}
}

// The first data is ashore within wake_interval and two seconds of the heal,
// however long the outage and wherever in a rest the heal falls.
func TestTheFirstDataIsAshoreSoonAfterTheHeal(t *testing.T) {
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		for _, c := range []struct {
			outage, step time.Duration
			phases       int
		}{
			{20 * time.Second, 1100 * time.Millisecond, 12},
			{5 * time.Minute, 17 * time.Second, 7},
			{time.Hour, 47 * time.Second, 2},
		} {
			t.Run(fmt.Sprintf("%s, %s", sink, c.outage), func(t *testing.T) {
				unproxied(t)
				for phase := range c.phases {
					synctest.Test(t, func(t *testing.T) { firstDataAfter(t, sink, c.outage+time.Duration(phase)*c.step) })
				}
			})
		}
	}
}

func firstDataAfter(t *testing.T, sink string, outage time.Duration) {
	s := sail(t, sink)
	defer s.land()
	within := s.cfg.CircuitBreaker.WakeInterval + 2*time.Second
	s.send(10*time.Second, time.Second, 1000)
	s.sea.Cut()
	cut := time.Now()
	s.send(15*time.Second, time.Second, 1000)
	time.Sleep(outage - time.Since(cut))
	require.Zero(t, s.shore.FirstSince(cut.Add(roundTrip)))
	s.sea.Heal()
	healed := time.Now()
	s.send(within, time.Second, 1000)
	first := s.shore.FirstSince(healed)
	require.NotZero(t, first, "nothing is ashore %s after an outage of %s", within, outage)
	t.Logf("after %s: the first data %s after the heal", outage, first.Sub(healed))
	assert.LessOrEqual(t, first.Sub(healed), within)
	assert.LessOrEqual(t, s.lines("the circuit breaker's rest ends early"), 1)
	time.Sleep(time.Minute)
	assert.Zero(t, s.queued())
}

// What was in flight can fail after the heal, and open the breaker then: it asks at once.
func TestABreakerThatOpensAfterTheHeal(t *testing.T) {
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(sink, func(t *testing.T) {
			unproxied(t)
			synctest.Test(t, func(t *testing.T) {
				s := sail(t, sink)
				defer s.land()
				s.send(5*time.Second, time.Second, 1000)
				s.sea.Cut()
				for range s.cfg.Queue.Get().NumConsumers {
					s.hand(1000)
				}
				time.Sleep(4 * time.Second)
				require.Zero(t, s.lines("the circuit breaker is open"))
				s.sea.Heal()
				healed := time.Now()
				time.Sleep(s.cfg.CircuitBreaker.WakeInterval + 2*time.Second)
				require.Equal(t, 1, s.lines("the circuit breaker is open"))
				require.NotZero(t, s.shore.FirstSince(healed))
			})
		})
	}
}

// A hang of ten minutes at full load costs the bodies that were in flight, and then
// for each open_duration one parcel at the most, the smallest there is, even where
// a modem answers every handshake by itself.
func TestAHangCostsOneSmallParcelForEachRest(t *testing.T) {
	const large, small, headers = 100_000, 200, 1000
	for _, sink := range []string{"otlp_http", "otlp_grpc"} {
		for _, pretends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the modem answers %t", sink, pretends), func(t *testing.T) {
				unproxied(t)
				synctest.Test(t, func(t *testing.T) {
					s := sail(t, sink)
					defer s.land()
					s.sea.Pretends = pretends
					const hang = 10 * time.Minute
					for range 60 { // more than is taken until the cut
						s.hand(large)
						s.hand(large)
						s.hand(small)
					}
					time.Sleep(3 * time.Second)
					require.Positive(t, s.shore.Arrived())
					s.sea.Cut()
					before := s.sea.Sent()
					time.Sleep(15 * time.Second) // they are over, and with an early wake the first parcel as well
					consumers := int64(s.cfg.Queue.Get().NumConsumers)
					inFlight := s.sea.Sent() - before
					assert.LessOrEqual(t, inFlight, consumers*(large+headers), "what was in flight")

					dials := s.sea.Connects()
					time.Sleep(hang - 15*time.Second)
					probes := int64(hang / satcomRest)
					cost := s.sea.Sent() - before - inFlight
					t.Logf("%d bytes in the first 15 s, %d in the rest of %s; %d connects", inFlight, cost, hang, s.sea.Connects()-dials)
					assert.LessOrEqual(t, cost, probes*(small+headers))
					assert.LessOrEqual(t, int64(s.sea.Connects()-dials), int64(hang/s.cfg.CircuitBreaker.WakeInterval)+3*probes)
					assert.GreaterOrEqual(t, s.sea.Connects()-dials, 50, "it goes on asking")
				})
			})
		}
	}
}

// A link that drops for a moment breaks every request that is under way, and is one
// failure: nothing rests for that.
func TestAResetDoesNotOpenTheBreaker(t *testing.T) {
	for sink, underWay := range map[string]time.Duration{
		"otlp_http": roundTrip + roundTrip/6, // all but one connect first
		"otlp_grpc": roundTrip / 6,
	} {
		t.Run(sink, func(t *testing.T) {
			unproxied(t)
			synctest.Test(t, func(t *testing.T) {
				s := sail(t, sink)
				defer s.land()
				s.send(5*time.Second, time.Second, 1000)
				for range s.cfg.Queue.Get().NumConsumers {
					s.hand(1000)
				}
				time.Sleep(underWay)
				s.sea.Break()
				time.Sleep(5 * time.Second)
				core := s.logs.(*logsExporter).core
				assert.GreaterOrEqual(t, core.tally.errors.Load(), int64(s.cfg.CircuitBreaker.FailureThreshold), "each attempt has failed")
				assert.Zero(t, s.lines("the circuit breaker is open"))
				assert.Zero(t, s.queued())
			})
		})
	}
}

// Nobody waits for what sleeps.
func TestTheWakerEndsAtShutdown(t *testing.T) {
	unproxied(t)
	synctest.Test(t, func(t *testing.T) {
		s := sail(t, "otlp_http")
		defer s.shore.Close()
		s.sea.Cut()
		s.send(time.Minute, time.Second, 1000)
		assert.Less(t, s.stop(), grace)
		dials := s.sea.Connects()
		time.Sleep(time.Minute)
		assert.Equal(t, dials, s.sea.Connects())
	})
}

func TestASinkThatTellsNoAddressRestsForTheWholeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shore := sinktest.New(sinktest.Refuse(roundTrip, errNoLink))
		a := board(t, storagetest.New(), shore, plainSink).start()
		defer a.stop()
		for n := range 10 {
			require.NoError(t, a.logs.ConsumeLogs(t.Context(), sinktest.Logs(fmt.Sprint(n))))
		}
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, a.lines("tells no address to connect to"))
	})
}
