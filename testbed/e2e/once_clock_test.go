package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

const year = 365 * 24 * time.Hour

// A ship's clock, and that of a machine ashore, jumps in the middle of a run,
// and a kill on top of it makes the agent read what it wrote by another clock.
// It takes minutes to build the agent with a clock that can be set, so
// `make test` has only the tests of each part with a simulated clock.
func TestAClockThatJumpsLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	if !inLong(false, true) {
		t.Skip("builds the agent anew, with a clock that can be set: minutes")
	}
	binary, err := agent.BuildWithClock(t.TempDir())
	require.NoError(t, err)
	for ashore := range ashores {
		for _, victim := range []string{"ship", "gateway"} {
			t.Run(ashore+", the clock of the "+victim, func(t *testing.T) {
				t.Parallel()
				jump(t, binary, ashore, victim == "ship")
			})
		}
	}
}

func jump(t *testing.T, binary, ashore string, aboard bool) {
	clock, err := agent.NewClock(t.TempDir())
	require.NoError(t, err)
	wrong := func(cfg agent.Config) agent.Config {
		cfg.Binary, cfg.Env = binary, []string{clock.Env()}
		return cfg
	}
	ship, kind := sailing("otlp_http", parcels), ashores[ashore]
	if aboard {
		ship = wrong(ship)
	} else {
		kind = func(cfg agent.Config) agent.Config { return wrong(ashores[ashore](cfg)) }
	}
	p := newPassage(t, ship, kind, shore.TakeOnce())
	p.link.SetFault(shore.Share(lost["otlp_http"], shore.TakeAndReset()))
	victim := p.gateway
	if aboard {
		victim = p.agent
	}
	jumps := []func() error{
		func() error { return clock.Set(10 * year) },
		func() error { return clock.Set(-time.Hour) },
		func() error { return clock.SetTo(time.Unix(10, 0)) },
		func() error { return clock.Set(10 * year) },
		func() error { return clock.Set(0) },
	}
	enough := p.sendOn()
	for i, set := range jumps {
		require.NoError(t, set())
		p.awaitSomeMore()
		p.whileItSails(i)
		if aboard { // a gateway that remembers may double what is in flight at its death
			victim.Kill()
			start(t, victim)
		} else {
			require.NoError(t, victim.Restart())
		}
		p.awaitSomeMore()
		p.whileItSails(i)
	}
	records := enough()
	p.awaitAshore()
	balance := p.requireOnce(records)
	t.Logf("%d jumps of the clock: lost %d, duplicated %d of %d", len(jumps), len(balance.Lost), len(balance.Duplicated), records)
}
