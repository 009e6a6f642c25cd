// Package airtime measures what telemetry costs on the wire: the built agent
// sends it to a shore, and what passes on the connections is counted at the far side.
//
//	corpus ──OTLP/HTTP──▶ agent ──▶ meter ──▶ shore
//
// Bytes are those of the sockets, of both directions, headers of HTTP included.
// There is no TLS in between, and the headers of TCP and IP are not seen.
package airtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// Plan is what is sent, and how it comes in.
type Plan struct {
	Kind    string // of the corpus
	Records int    // in all
	Each    int    // records a request
	// Rate is how many records come in a second; 0 for as many as are taken.
	Rate float64
}

// Cost is what a plan cost on the wire.
type Cost struct {
	Records, Requests, Connections int
	Up, Down                       int64 // bytes
}

// PerThousand is the bytes of both directions for each 1,000 records.
func (c Cost) PerThousand() float64 { return float64(c.Up+c.Down) / float64(c.Records) * 1000 }

// String shows it all.
func (c Cost) String() string {
	return fmt.Sprintf("%d records: %d requests, %d connections, %d bytes up, %d down, %.0f for each 1,000 records",
		c.Records, c.Requests, c.Connections, c.Up, c.Down, c.PerThousand())
}

// Steady is what comes in at ten records a second, as its sources send it: each
// line of syslog and each sentence as a request of its own, spans by the ten, and
// host metrics scrape by scrape.
func Steady(kind string, lasts time.Duration) Plan {
	each := map[string]int{corpus.Spans: 10, corpus.HostMetrics: corpus.Scrape}[kind]
	p := Plan{Kind: kind, Each: max(1, each), Rate: 10}
	p.Records = max(1, int(p.Rate*lasts.Seconds())/p.Each) * p.Each
	return p
}

// Full is as many records as are taken, a hundred a request, by eight clients.
func Full(kind string, records int) Plan {
	return Plan{Kind: kind, Records: records, Each: 100}
}

// patience is how long what has come in may take to get ashore.
const patience = 2 * time.Minute

// Measure has an agent, whose files all lie in dir, send what the plan says,
// and waits until it is ashore.
func Measure(ctx context.Context, dir string, way Way, plan Plan) (Cost, error) {
	far, err := shore.New()
	if err != nil {
		return Cost{}, err
	}
	defer far.Close()
	m, err := newMeter(far.HTTPEndpoint())
	if err != nil {
		return Cost{}, err
	}
	defer m.close()
	cfg, err := way.config(m.endpoint())
	if err != nil {
		return Cost{}, err
	}
	a, err := agent.New(dir, cfg)
	if err != nil {
		return Cost{}, err
	}
	defer a.Kill()
	if err := feed(ctx, a.HTTPEndpoint(), plan); err != nil {
		return Cost{}, err
	}
	records, requests, err := awaitAshore(ctx, far, plan.Records)
	if err != nil {
		return Cost{}, err
	}
	a.Stop() // before the bytes are read: the last answer is on its way
	up, down, connections := m.read()
	return Cost{Records: records, Requests: requests, Connections: connections, Up: up, Down: down}, nil
}

func awaitAshore(ctx context.Context, far *shore.Shore, want int) (records, requests int, err error) {
	for end := time.Now().Add(patience); ; {
		records, requests = ashore(far)
		if records >= want {
			break
		}
		if time.Now().After(end) {
			return records, requests, fmt.Errorf("only %d of %d records are ashore", records, want)
		}
		select {
		case <-ctx.Done():
			return records, requests, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	if records > want {
		err = fmt.Errorf("%d records are ashore, %d were sent", records, want)
	}
	return records, requests, err
}

func ashore(far *shore.Shore) (records, requests int) {
	for _, e := range far.Requests() {
		requests++
		if e.Taken {
			records += len(e.Records)
		}
	}
	return records, requests
}

// InScratch measures in a folder of its own, which is gone afterwards.
func InScratch(ctx context.Context, way Way, plan Plan) (c Cost, err error) {
	dir, err := os.MkdirTemp("", "airtime-")
	if err != nil {
		return Cost{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return Measure(ctx, dir, way, plan)
}

// corpus begins now, as a ship's clock does.
func (p Plan) corpus() (*corpus.Corpus, error) {
	every := 20 * time.Millisecond
	if p.Rate > 0 {
		every = time.Duration(float64(time.Second) / p.Rate)
	}
	return corpus.New(p.Kind, corpus.Settings{Seed: 1, Start: time.Now(), Every: every})
}
