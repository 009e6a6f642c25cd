package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/browser"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// Where things of the link are on the page.
const (
	uplink      = `[data-testid=uplink][data-link="mship_link/vsat"]`
	uplinkState = uplink + ` [data-testid=link-state]`
	oneCost     = uplink + ` [data-testid=cost]`
)

// The link of these tests, and a plan that a few seconds use up.
const (
	linkCap   = 200_000   // bytes per second
	linkBurst = 25_000    // bytes
	linkPlan  = 1_000_000 // bytes a day
)

// overLink puts the exporter over the link; settings are those of the link that the test adds.
func overLink(settings string) string {
	return `
extensions:
  mship_console: {sample_interval: 1s}
  mship_link/vsat: {bytes_per_second: 200000, burst: 25000, storage: mship_storage` + settings + `}
exporters: {"{{.ExporterID}}": {link: mship_link/vsat}}
service: {extensions: [mship_storage, mship_link/vsat, mship_console, health_check]}
`
}

// uplinkAnswer is what the API says of the link.
type uplinkAnswer struct {
	State     string
	Rate      float64 `json:"rate_bytes_per_second"`
	Allowance struct {
		Left float64 `json:"left_bytes"`
	}
	Costs struct {
		Stored bool
		Sinks  []struct {
			Sink       string
			Day, Month struct{ Up, Down float64 }
		}
	}
}

func askUplink(t *testing.T, s *scene) (u uplinkAnswer) {
	t.Helper()
	require.NoError(t, s.agent.Ask(http.MethodGet, "/api/v1/links/mship_link%2Fvsat", nil, &u))
	return u
}

// The crew sees how much goes over the link, what it has cost, and that the allowance is used up.
func TestTheCrewSeesTheLink(t *testing.T) {
	t.Parallel()
	s, b := watched(t, agent.Config{Compression: "none", Overlay: overLink(`, allowance: {bytes: 1000000, per: day}`)})
	b.Await(uplinkState, "Open")
	b.Await(uplink+` [data-testid=allowance-left]`, "977 KiB of 977 KiB")
	s.awaitDone(s.send(load.Plan{Records: 8_000, Batch: 200, Mix: []record.Signal{record.Logs}})) // some 2 MB
	b.Await(uplinkState, "Flowing")
	b.Await(uplink+` [data-testid=link-rate]`, "of the cap")
	b.Await(oneCost+`[data-sink=shore] [data-testid=cost-day]`, "KiB")
	b.Screenshot("console-link")

	before := 0.0
	s.await(prompt, "the allowance is used up", func() bool {
		u := askUplink(t, s)
		require.LessOrEqual(t, u.Rate, float64(linkCap+linkBurst))
		require.Len(t, u.Costs.Sinks, 1)
		cost := u.Costs.Sinks[0]
		require.GreaterOrEqual(t, cost.Day.Up, before, "it grows")
		before = cost.Day.Up
		return u.State == "exhausted"
	})
	b.Await(uplinkState, "Allowance used up")
	b.Await(uplink+` [data-testid=link-verdict]`, "Nothing is sent before")
	b.Await(uplink+` [data-testid=allowance-left]`, "0 B of")
	b.Await(uplink+` [data-testid=link-granted]`, "nothing")
	b.Screenshot("console-link-exhausted")
	u := askUplink(t, s)
	assert.InEpsilon(t, linkPlan, u.Costs.Sinks[0].Day.Up+u.Costs.Sinks[0].Day.Down, 0.01)
	assert.LessOrEqual(t, u.Costs.Sinks[0].Day.Up, float64(linkPlan))

	require.NoError(t, s.agent.Restart())
	b.Await(uplinkState, "Allowance used up")
	again := askUplink(t, s)
	assert.True(t, again.Costs.Stored)
	assert.InEpsilon(t, u.Costs.Sinks[0].Day.Up, again.Costs.Sinks[0].Day.Up, 0.01, "it goes on over a restart")
	b.Open(s.agent.ConsoleURL(), browser.Phone)
	b.Await(oneCost, "shore")
	assert.LessOrEqual(t, browser.Evaluate[int](b, "document.documentElement.scrollWidth"), browser.Phone.Width, "it scrolls sideways")
	requireReachable(t, b, "phone with a link")
	b.Screenshot("console-link-phone")
	b.Open(s.agent.ConsoleURL(), browser.Night)
	b.Await(oneCost, "shore")
	b.Click(uplink + ` [data-testid=plots] summary`)
	b.Await(uplink+` [data-testid=plot-rate-summary]`, "in all")
	b.Screenshot("console-link-night")
	requireQuietPage(t, s, b)
}

// Out of its window a link says so, and until when; what is urgent flows.
func TestTheCrewSeesAClosedWindow(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	hour := func(later time.Duration) string { return time.Now().UTC().Add(later).Format("15:04") }
	s := newScene(t, agent.Config{
		Console: true,
		Overlay: overLink(`, windows: [{from: "` + hour(2*time.Hour) + `", to: "` + hour(3*time.Hour) + `"}]`),
	})
	b.Open(s.agent.ConsoleURL(), browser.Desk)
	b.Await(uplinkState, "Window closed")
	b.Await(uplink+` [data-testid=link-verdict]`, "in about 2 hours")
	s.awaitDone(s.send(load.Plan{Records: 100})) // urgent, as it is not told otherwise
	s.awaitDrained()
	b.Await(oneCost, "shore")
	requireQuietPage(t, s, b)
	s.requireNothingLost(100)
}
