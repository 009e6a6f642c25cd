package mshiplink

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
)

// wall is a console that shows links.
type wall struct {
	component.StartFunc
	component.ShutdownFunc

	shown map[string]http.Handler
	err   error
}

func (w *wall) MountLink(name string, h http.Handler) (unmount func(), err error) {
	if w.err != nil {
		return nil, w.err
	}
	w.shown[name] = h
	return func() { delete(w.shown, name) }, nil
}

// tells is what the link says of itself.
func (a *aboard) tells(t *testing.T) (s status) {
	t.Helper()
	w := httptest.NewRecorder()
	a.serveReport(w, httptest.NewRequest(http.MethodGet, "/status", http.NoBody))
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &s))
	return s
}

func TestTheConsoleShowsTheLink(t *testing.T) {
	t.Parallel()
	w, broken := &wall{shown: map[string]http.Handler{}}, &wall{err: errors.New("no room")}
	a := startWith(t, hosts{component.MustNewID("wall"): w, component.MustNewID("broken"): broken}, nil, nil, rated(nil))
	require.Contains(t, w.shown, "mship_link/vsat")
	assert.Equal(t, 1, a.said("the console does not show this link"))
	answer := httptest.NewRecorder()
	w.shown["mship_link/vsat"].ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/status", http.NoBody))
	assert.Contains(t, answer.Body.String(), `"link":"mship_link/vsat"`)
	for _, other := range []*http.Request{httptest.NewRequest(http.MethodPost, "/status", http.NoBody), httptest.NewRequest(http.MethodGet, "/", http.NoBody)} {
		answer = httptest.NewRecorder()
		a.serveReport(answer, other)
		assert.Equal(t, http.StatusNotFound, answer.Code)
	}
	a.stop()
	assert.Empty(t, w.shown)
}

func TestAPlainLinkTells(t *testing.T) {
	t.Parallel()
	now := (&clock{}).shows(time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC))
	a := start(t, nil, now.now, map[string]any{"bytes_per_second": 1_000_000})
	hostile := "<img src=x onerror=alert(1)>\u202e\xff"
	for _, sink := range []string{"shore", hostile} {
		m := a.join(sink, 1, true)
		m.Sent(1000)
		m.Received(50)
		m.meter.waited.Add(int64(1500 * time.Millisecond))
	}
	s := a.tells(t)
	assert.Equal(t, "open", s.State)
	assert.EqualValues(t, 1_000_000, s.BytesPerSecond)
	assert.EqualValues(t, 125_000, s.Burst)
	assert.EqualValues(t, 1_000_000, s.Granted)
	assert.EqualValues(t, 2000, s.Rate)
	assert.EqualValues(t, 2000, s.UpBytes)
	assert.EqualValues(t, 100, s.DownBytes)
	assert.Nil(t, s.Window)
	assert.Nil(t, s.Allowance)
	assert.False(t, s.Costs.Stored)
	cost := costs.Bytes{Up: 1000, Down: 50}
	assert.Equal(t, []sinkCost{
		{Sink: "<img src=x onerror=alert(1)>\u202e\ufffd", Day: cost, Month: cost, Waited: 1.5},
		{Sink: "shore", Day: cost, Month: cost, Waited: 1.5},
	}, s.Costs.Sinks)
	assert.Equal(t, time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), s.Costs.Day.Start)
	assert.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), s.Costs.Month.Next)
	assert.WithinDuration(t, now.now(), s.Costs.Day.Since, patience)

	now.shows(time.Date(2026, 11, 28, 0, 0, 1, 0, time.UTC))
	a.join("shore", 1, true).Sent(1)
	s = a.tells(t)
	assert.Equal(t, costs.Bytes{Up: 1}, s.Costs.Sinks[1].Day)
	assert.Equal(t, costs.Bytes{Up: 1001, Down: 50}, s.Costs.Sinks[1].Month)
	assert.EqualValues(t, 2001, s.UpBytes)
}

func TestWhatTheLinkDoes(t *testing.T) {
	t.Parallel()
	const limit = 1000
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	night := []any{map[string]any{"from": "22:00", "to": "06:00"}}
	plan := func(more map[string]any) map[string]any {
		more["bytes"] = limit
		return more
	}
	slow := map[string]any{"on_exhausted": "slow", "slow_bytes_per_second": 500}
	for name, c := range map[string]struct {
		settings map[string]any
		spend    int
		state    string
		granted  int64
	}{
		"open":                {map[string]any{}, limit, "open", 1_000_000},
		"closed":              {map[string]any{"windows": night}, 0, "closed", 1_000_000},
		"some is left":        {map[string]any{"allowance": plan(map[string]any{})}, limit / 2, "open", 1_000_000},
		"exhausted":           {map[string]any{"allowance": plan(map[string]any{})}, limit, "exhausted", 0},
		"slow":                {map[string]any{"allowance": plan(slow)}, limit, "slow", 500},
		"exhausted, closed":   {map[string]any{"allowance": plan(map[string]any{}), "windows": night}, limit, "exhausted", 0},
		"slow and not urgent": {map[string]any{"allowance": plan(slow), "windows": night}, limit, "closed", 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.settings["bytes_per_second"] = 1_000_000
			a := start(t, newDisk(), (&clock{}).shows(noon).now, c.settings)
			a.join("shore", 1, true).Received(c.spend)
			var s status
			require.Eventually(t, func() bool { s = a.tells(t); return s.State == c.state && s.Granted == c.granted }, patience, time.Millisecond, "%+v", s)
			if w := s.Window; c.settings["windows"] != nil {
				require.NotNil(t, w)
				assert.False(t, w.Open)
				assert.Equal(t, noon.Add(10*time.Hour), w.Until)
			}
			if p := s.Allowance; c.settings["allowance"] != nil {
				require.NotNil(t, p)
				assert.EqualValues(t, limit, p.Bytes)
				assert.EqualValues(t, limit-c.spend, p.Left)
				assert.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), p.Next)
				assert.Equal(t, "month", p.Per)
				assert.Equal(t, c.spend == limit, p.Exhausted)
			}
		})
	}
}

// The costs go on over a restart and a kill, with an allowance and without.
func TestTheCostsGoOn(t *testing.T) {
	t.Parallel()
	for name, allowance := range map[string]map[string]any{"alone": nil, "with the allowance": {"bytes": 1_000_000, "reset": "15", "timezone": "Europe/Oslo"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				storage := newDisk()
				run := func() *aboard {
					raw := map[string]any{"bytes_per_second": 1_000_000}
					if allowance != nil {
						raw["allowance"] = allowance
					}
					return start(t, storage, nil, raw)
				}
				a := run()
				a.join("shore", 1, true).Received(3)
				a.stop()
				a = run()
				a.join("shore", 1, true).Received(100_000)
				time.Sleep(2 * time.Minute)
				storage = storage.killed()
				a.stop()
				a = run()
				s := a.tells(t)
				assert.True(t, s.Costs.Stored)
				require.Len(t, s.Costs.Sinks, 1)
				assert.EqualValues(t, 100_003, s.Costs.Sinks[0].Day.Down)
				assert.EqualValues(t, 100_003, s.Costs.Sinks[0].Month.Down)
				if allowance != nil {
					assert.Equal(t, s.Allowance.Start, s.Costs.Month.Start, "the plan's month")
					assert.Equal(t, 23, s.Costs.Day.Start.Hour(), "the day in the plan's zone")
				}
				a.stop()
			})
		})
	}
}

func TestCostsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	storage := newDisk()
	storage.values["costs"] = []byte("{")
	a := start(t, storage, nil, rated(nil))
	assert.Equal(t, 1, a.said("cost cannot be read"))
	assert.Empty(t, a.tells(t).Costs.Sinks)
}
