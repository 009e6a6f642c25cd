// Package corpus makes four kinds of telemetry as ships have them, to measure
// with: the same seed and start give the same bytes. Its records have no number.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// The kinds, in the order of the tables.
const (
	Syslog      = "syslog"
	HostMetrics = "host metrics"
	NMEA        = "NMEA"
	Spans       = "spans"
)

// Kinds lists them.
func Kinds() []string { return []string{Syslog, HostMetrics, NMEA, Spans} }

// Settings of a corpus.
type Settings struct {
	Seed uint64
	// Start is the time of the first record.
	Start time.Time
	// Every is the mean time between two records, 1 ms or more.
	Every time.Duration
}

// Corpus is an endless source of records. It is not safe for concurrent use.
type Corpus struct {
	Kind   string
	Signal record.Signal
	next   func(n int) ([]byte, error)
}

// New makes a corpus of a kind.
func New(kind string, s Settings) (*Corpus, error) {
	c := &Corpus{Kind: kind, Signal: record.Logs}
	d := dice{Rand: rand.New(rand.NewPCG(s.Seed, 0xc0)), now: s.Start, every: max(s.Every, time.Millisecond)} //nolint:gosec // repeatable on purpose
	switch kind {
	case Syslog:
		c.next = newSyslog(d).next
	case NMEA:
		c.next = newNMEA(d).next
	case HostMetrics:
		c.Signal, c.next = record.Metrics, newHost(d).next
	case Spans:
		c.Signal, c.next = record.Traces, newTracer(d).next
	default:
		return nil, fmt.Errorf("there is no corpus %q, only %q", kind, Kinds())
	}
	return c, nil
}

// Next is an export request, in protobuf, of the next n records.
func (c *Corpus) Next(n int) ([]byte, error) { return c.next(n) }

// dice is repeatable randomness, and the clock of the records.
type dice struct {
	*rand.Rand
	now   time.Time
	every time.Duration
}

// tick gives the time of the next record.
func (d *dice) tick() time.Time {
	d.now = d.now.Add(time.Duration(d.ExpFloat64() * float64(d.every)))
	return d.now
}

func (d *dice) pick(from []string) string { return from[d.IntN(len(from))] }

// often picks the first ones more often than the last: half of the time one of the first eighth.
func (d *dice) often(from []string) string {
	x := d.Float64()
	return from[int(x*x*x*float64(len(from)))]
}

// address is one of a few hundred IP addresses on board.
func (d *dice) address() string {
	return fmt.Sprintf("10.%d.%d.%d", 10+d.IntN(4), d.IntN(3), 1+d.IntN(60))
}

// vessel describes a source on board as config/satcom.yaml does.
func vessel(r pcommon.Resource, more ...string) {
	r.Attributes().PutStr("vessel.imo", "9321483")
	for i := 0; i+1 < len(more); i += 2 {
		r.Attributes().PutStr(more[i], more[i+1])
	}
}
