package e2e_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

const (
	consumers    = 4             // of each queue, for each signal
	mostInFlight = 3 * consumers // requests of one agent
	perSecond    = 1000          // records
	perRequest   = 20
)

// sailing is a ship under test.
func sailing(sink string, batch agent.Batch) agent.Config {
	return agent.Config{
		Sink:    sink,
		Queue:   agent.Queue{Consumers: consumers, Batch: batch},
		Breaker: agent.Breaker{OpenDuration: time.Second},
		Retry:   agent.Retry{InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second},
	}
}

// withAndWithoutBatch runs a test with either sink, and with batch on and off.
func withAndWithoutBatch(t *testing.T, test func(t *testing.T, ship agent.Config)) {
	for name, batch := range map[string]agent.Batch{"requests as they come": {}, "parcels": parcels} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothSinks(t, func(t *testing.T, sink string) { test(t, sailing(sink, batch)) })
		})
	}
}

// Ship and gateway are killed in the middle of load, while the gateway is away,
// and while what has piled up drains. The back end honours keys, as every
// gateway of ours does for the ship: a gateway that dies between the back end's
// answer and its own ledger has to ask again.
func TestKillsOfShipAndShoreNeitherLoseNorDouble(t *testing.T) {
	t.Parallel()
	withAndWithoutBatch(t, func(t *testing.T, ship agent.Config) {
		rounds := inLong(7, 50)
		p := newPassage(t, ship, agent.Forwarding, shore.TakeOnce())
		enough := p.sendOn()
		ashore := 0
		for round := range rounds {
			ashore += p.killRound(round)
		}
		if !p.gateway.Running() {
			start(t, p.gateway)
		}
		records := enough()
		p.awaitAshore()
		balance := p.requireOnce(records)
		t.Logf("%d kills of the ship, %d ashore: lost %d, duplicated %d of %d; batches sent again by the ship %d, by the gateway %d",
			rounds, ashore, len(balance.Lost), len(balance.Duplicated), records, p.link.Repeats(), p.shore.Repeats())
		assert.GreaterOrEqual(t, ashore, inLong(3, 20))
		assert.LessOrEqual(t, p.shore.Repeats(), ashore*mostInFlight, "the gateway sends again what was in flight at a kill, no more")
	})
}

// sendOn sends until enough is called, which waits until all of it is
// acknowledged and tells how many records that are.
func (s *scene) sendOn() (enough func() (records int)) {
	until := make(chan struct{})
	sent := s.send(load.Plan{Until: until, Rate: perSecond, Batch: perRequest})
	stop := sync.OnceFunc(func() { close(until) })
	s.t.Cleanup(stop) // runs before the one that waits for the load
	return func() int {
		s.t.Helper()
		stop()
		s.awaitDone(sent)
		return s.ledger.Sent()
	}
}

// killRound kills the ship once, and tells how often it killed the gateway: by
// turns while all is well, while the gateway is dead, and in the drain after.
func (p *passage) killRound(round int) (ashore int) {
	p.t.Helper()
	switch round % 3 {
	case 0:
		p.whileItSails(round)
	case 1:
		p.gateway.Kill()
		ashore++
		p.whileItSails(round)
	case 2:
		start(p.t, p.gateway)
		p.awaitSomeMore()
		if round%2 == 0 {
			p.gateway.Kill()
			ashore++
			defer start(p.t, p.gateway)
		}
	}
	p.agent.Kill()
	start(p.t, p.agent)
	return ashore
}

// whileItSails lets some time pass, another in each round, so that a kill hits another moment.
func (p *passage) whileItSails(round int) {
	p.through(400*time.Millisecond+time.Duration(round%8)*70*time.Millisecond, "", func() bool { return true })
}

// awaitSomeMore waits until the back end gets something.
func (p *passage) awaitSomeMore() {
	p.t.Helper()
	before := p.shore.Delivered()
	p.await(prompt, "the backlog drains", func() bool { return p.shore.Delivered() > before })
}

// A kill of the ship costs no copy, whatever remembers ashore. This back end
// knows no keys: what comes twice counts twice.
func TestKillsOfTheShipDoubleNothing(t *testing.T) {
	t.Parallel()
	for name, ashore := range ashores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("requests as they come, otlp_http", func(t *testing.T) {
				t.Parallel()
				killTheShip(t, sailing("otlp_http", agent.Batch{}), ashore)
			})
			t.Run("parcels, otlp_grpc", func(t *testing.T) {
				t.Parallel()
				killTheShip(t, sailing("otlp_grpc", parcels), ashore)
			})
		})
	}
}

func killTheShip(t *testing.T, ship agent.Config, ashore func(agent.Config) agent.Config) {
	kills := inLong(5, 50)
	p := newPassage(t, ship, ashore)
	enough := p.sendOn()
	for kill := range kills {
		p.whileItSails(kill)
		p.agent.Kill()
		start(t, p.agent)
	}
	records := enough()
	p.awaitAshore()
	balance := p.requireOnce(records)
	t.Logf("%d kills of the ship: lost %d, duplicated %d of %d; batches sent again %d",
		kills, len(balance.Lost), len(balance.Duplicated), records, p.link.Repeats())
}

// ashores are the agents that take each key once.
var ashores = map[string]func(agent.Config) agent.Config{"mship": agent.Forwarding, "mship_dedup": agent.Remembering}

// What a sceptic wants to see beside it: the same kills of the stock exporter
// on file_storage with fsync. The back end honours keys where there are any.
// Nothing is asked of the stock exporter.
func TestTheStockExporterUnderTheSameKills(t *testing.T) {
	t.Parallel()
	for name, stock := range map[string]bool{"stock otlp_http, file_storage, fsync": true, "mship, mship_storage": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kills := inLong(5, 50)
			cfg := sailing("otlp_http", agent.Batch{})
			cfg.Stock = stock
			s := newScene(t, cfg, shore.TakeOnce())
			enough := s.sendOn()
			for range kills {
				before := s.shore.Delivered()
				s.await(drained, "records flow", func() bool { return s.shore.Delivered() > before+200 })
				s.agent.Kill()
				require.NoError(t, s.agent.Restart())
			}
			records := enough()
			s.awaitSettled()
			balance := s.tally()
			t.Logf("| %-38s | %2d kills | %5d records | lost %4d | duplicated %5d |",
				name, kills, records, len(balance.Lost), len(balance.Duplicated))
			if !stock {
				assert.True(t, balance.Exact(), balance)
			}
		})
	}
}

// awaitSettled waits until all that was acknowledged is ashore, or nothing comes any more.
func (s *scene) awaitSettled() {
	s.t.Helper()
	last, since := -1, time.Now()
	s.await(drained, "the shore has it all, or gets no more", func() bool {
		if now := s.shore.Delivered(); now != last {
			last, since = now, time.Now()
		}
		return last >= s.ledger.AcknowledgedCount() && time.Since(since) > 3*time.Second || time.Since(since) > 20*time.Second
	})
}
