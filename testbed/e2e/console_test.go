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
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

// Where things are on the page.
const (
	card      = `[data-testid=sink][data-sink=shore]`
	cardOpen  = card + `[data-state=open]`
	cardFine  = card + `[data-state=closed]`
	queueSize = card + ` [data-testid=queue-batches]`
	oneLetter = `[data-testid=letter]`
)

// watched is a scene whose console is open in a browser.
func watched(t *testing.T, cfg agent.Config) (*scene, *browser.Browser) {
	t.Helper()
	b := browser.Start(t)
	cfg.Console = true
	s := newScene(t, cfg)
	b.Open(s.agent.ConsoleURL(), browser.Desk)
	b.Await(cardFine, "")
	return s, b
}

// requireQuietPage: nothing went wrong in the page, and nothing was asked of anybody else.
func requireQuietPage(t *testing.T, s *scene, b *browser.Browser) {
	t.Helper()
	problems, requests := b.Seen()
	assert.Empty(t, problems)
	require.NotEmpty(t, requests)
	for _, url := range requests {
		assert.Regexp(t, "^("+s.agent.ConsoleURL()+"/|data:|blob:)", url)
	}
}

// The crew sees that the link is down, how much waits, and when it will be gone.
func TestTheCrewSeesAnOutage(t *testing.T) {
	t.Parallel()
	s, b := watched(t, agent.Config{
		Compression: "none", Breaker: agent.Breaker{OpenDuration: time.Second}, Queue: agent.Queue{Consumers: 4},
		Overlay: `extensions: {mship_console: {sample_interval: 1s}}`,
	})
	s.shore.Down()
	const records = 24_000 // some 6 MB
	done := s.send(load.Plan{Records: records, Rate: 3000, Batch: 100, Mix: []record.Signal{record.Logs}})
	b.Await(cardOpen, "")
	small := s.metric("mship_queue_depth")
	s.await(prompt, "the queue grows", func() bool { return s.metric("mship_queue_depth") > small+20 })
	b.Await(card+` [data-testid=last-answer]`, "refused")
	s.awaitDone(done)
	b.Screenshot("console-outage")

	s.shore.SetFault(shore.Slow(250_000))
	require.NoError(t, s.shore.Up())
	b.Await(card+` [data-testid=queue-empty]`, "in ")
	requireForecast(t, s)
	b.Screenshot("console-drain")
	s.awaitDrained()
	b.Await(cardFine, "")
	s.await(prompt, "the page says that it is empty", func() bool { return b.Text(queueSize) == "0" })
	requireQuietPage(t, s, b)
	assert.Empty(t, s.requireNothingLost(records).Duplicated)
}

// requireForecast compares what is said of the end of a steady drain with what comes.
func requireForecast(t *testing.T, s *scene) {
	t.Helper()
	s.through(8*time.Second, "it drains", func() bool { return true })
	var status struct {
		Forecast struct {
			EmptyAt time.Time `json:"empty_at"`
		}
	}
	require.NoError(t, s.agent.Ask(http.MethodGet, "/api/v1/sinks/shore", nil, &status))
	begin := time.Now()
	s.awaitDrained()
	took, said := time.Since(begin), status.Forecast.EmptyAt.Sub(begin)
	t.Logf("said: empty in %.1f s; it took %.1f s", said.Seconds(), took.Seconds())
	require.Greater(t, took, 5*time.Second, "the rest is too little to judge a forecast")
	assert.InEpsilon(t, took.Seconds(), said.Seconds(), 0.25)
}

// A bad record is found, looked at, and replayed once the shore takes it.
func TestADeadLetterIsFoundAndReplayed(t *testing.T) {
	t.Parallel()
	const records, bad = 2000, 777
	s, b := watched(t, agent.Config{})
	s.shore.SetFault(shore.RejectRecords(func(id int64) bool { return id == bad }))
	s.awaitDone(s.send(load.Plan{Records: records, Rate: 2000, Batch: perRequest}))
	s.await(prompt, "it is parked", func() bool { return s.metric("mship_dead_letter_entries_total") == 1 })
	b.Await(card+` [data-testid=letters]`, "1 entry")
	b.Click(card + ` [data-testid=open-letters]`)
	b.Await(oneLetter, "rejected")
	b.Screenshot("console-letters")
	b.Click(oneLetter + ` [data-testid=look]`)
	b.Await(`[data-testid=entry-status]`, "400")
	b.Await(`[data-testid=entry-message]`, "a record is not acceptable")
	b.Await(`[data-testid=record]`, "")
	b.Screenshot("console-letter")

	s.shore.SetFault(shore.Accept())
	b.Click(`[data-testid=replay]`)
	b.Click(`[data-testid=dialog] [data-testid=confirm]`)
	b.Await(`[data-testid=result]`, "1 entry went back")
	s.await(prompt, "it arrives", func() bool { return s.shore.Count(bad) == 1 })
	assert.Empty(t, s.deadLetters())
	s.awaitDrained()
	balance := s.requireNothingLost(records)
	assert.Empty(t, balance.Duplicated)
	requireQuietPage(t, s, b)
}

// Everything that can be clicked can be reached with the Tab key, on a desk and on a phone.
func TestTheConsoleWorksByKeyboard(t *testing.T) {
	t.Parallel()
	s, b := watched(t, agent.Config{DeadLetter: handMade(t, 3)})
	for name, view := range map[string]browser.View{"desk": browser.Desk, "night": browser.Night, "phone": browser.Phone} {
		for _, page := range []string{"/#/", "/#/sink/shore/dead-letters"} {
			b.Open(s.agent.ConsoleURL()+page, view)
			if page == "/#/" {
				b.Await(cardFine, "")
			} else {
				b.Await(oneLetter, "")
			}
			requireReachable(t, b, name+" "+page)
			b.Screenshot("console-" + name + map[bool]string{true: "", false: "-letters"}[page == "/#/"])
			assert.LessOrEqual(t, browser.Evaluate[int](b, "document.documentElement.scrollWidth"), view.Width, "it scrolls sideways")
			requireQuietPage(t, s, b)
		}
	}
}

func requireReachable(t *testing.T, b *browser.Browser, about string) {
	t.Helper()
	const controls = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter((n) => !n.disabled && n.checkVisibility({ visibilityProperty: true }))`
	wanted := browser.Evaluate[int](b, `(() => { const all = `+controls+`; all.forEach((n, i) => { n.dataset.tab = i; }); window.reached = new Set(); return all.length; })()`)
	require.Positive(t, wanted)
	for range 4 * wanted {
		b.Press("Tab")
		browser.Evaluate[any](b, `(() => { const i = document.activeElement?.dataset?.tab; if (i !== undefined) window.reached.add(i); })()`)
	}
	missed := browser.Evaluate[[]string](b, controls+`.filter((n) => n.dataset.tab !== undefined && !window.reached.has(n.dataset.tab)).map((n) => n.outerHTML.slice(0, 120))`)
	assert.Empty(t, missed, "%s: not reached", about)
}
