package mshiplink

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/costs"
	"github.com/otelcol-mship/otelcol-mship/internal/consoles"
)

// console is an extension that shows what a link tells of itself.
type console interface {
	// MountLink serves h below the name until unmount is called; the handler's paths begin there.
	MountLink(name string, h http.Handler) (unmount func(), err error)
}

// mount shows the link on every console that there is; without one all works the same.
func (l *Link) mount(host component.Host) (unmount func()) {
	return consoles.Mount(host, l.set.Logger, "link", func(shows console) (func(), error) {
		return shows.MountLink(l.set.ID.String(), http.HandlerFunc(l.serveReport))
	})
}

// serveReport answers GET /status.
func (l *Link) serveReport(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/status" || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(l.status())
}

// What the link may be doing, in one word.
const (
	stateOpen      = "open"      // everything may flow
	stateSlow      = "slow"      // the allowance is used up, and something still flows
	stateClosed    = "closed"    // out of the windows: only what is urgent flows
	stateExhausted = "exhausted" // the allowance is used up, and nothing flows
)

// status is what people see of a link. API.md of mship_console describes it.
type status struct {
	Link           string           `json:"link"`
	State          string           `json:"state"`
	BytesPerSecond int64            `json:"bytes_per_second"`
	Burst          int64            `json:"burst"`
	Granted        int64            `json:"granted_bytes_per_second"`
	Rate           int64            `json:"rate_bytes_per_second"`
	UpBytes        int64            `json:"up_bytes"`
	DownBytes      int64            `json:"down_bytes"`
	Window         *windowStatus    `json:"window"`
	Allowance      *allowanceStatus `json:"allowance"`
	Costs          costsStatus      `json:"costs"`
}

type windowStatus struct {
	Open  bool      `json:"open"`
	Until time.Time `json:"until"`
}

type allowanceStatus struct {
	Bytes       int64     `json:"bytes"`
	Left        int64     `json:"left_bytes"`
	Per         string    `json:"per"`
	OnExhausted string    `json:"on_exhausted"`
	Exhausted   bool      `json:"exhausted"`
	Start       time.Time `json:"start"`
	Next        time.Time `json:"next"`
}

type costsStatus struct {
	// Stored: they go on over a restart.
	Stored bool       `json:"stored"`
	Day    spanStatus `json:"day"`
	Month  spanStatus `json:"month"`
	Sinks  []sinkCost `json:"sinks"`
}

type spanStatus struct {
	Start time.Time `json:"start"`
	Next  time.Time `json:"next"`
	Since time.Time `json:"since"`
}

type sinkCost struct {
	Sink   string      `json:"sink"`
	Day    costs.Bytes `json:"day"`
	Month  costs.Bytes `json:"month"`
	Waited float64     `json:"waited_seconds"`
}

func (l *Link) status() status {
	s := status{
		Link: l.set.ID.String(), State: stateOpen,
		BytesPerSecond: int64(l.cfg.BytesPerSecond), Burst: l.cfg.burst(), Granted: l.pacer.Rate(), Rate: l.meters.rate(),
		Window: l.windowStatus(), Allowance: l.allowanceStatus(), Costs: l.costsStatus(),
	}
	l.meters.each(func(_ string, one *meter) {
		s.UpBytes += one.up.Load()
		s.DownBytes += one.down.Load()
	})
	if s.Window != nil && !s.Window.Open {
		s.State = stateClosed
	}
	if a := s.Allowance; a != nil && a.Exhausted && a.OnExhausted == onExhaustedHold {
		s.State, s.Granted = stateExhausted, 0
	} else if a != nil && a.Exhausted && s.State == stateOpen {
		s.State = stateSlow
	}
	return s
}

func (l *Link) windowStatus() *windowStatus {
	if len(l.windows) == 0 {
		return nil
	}
	now := l.now()
	return &windowStatus{Open: calendar.Open(l.windows, now), Until: calendar.Change(l.windows, now).UTC()}
}

func (l *Link) allowanceStatus() *allowanceStatus {
	if l.account == nil {
		return nil
	}
	state, plan := l.account.State(), l.cfg.Allowance
	return &allowanceStatus{
		Bytes: int64(plan.Bytes), Left: l.account.Left(), Per: plan.Per, OnExhausted: plan.OnExhausted,
		Exhausted: state.Exhausted, Start: state.Start.UTC(), Next: state.Next.UTC(),
	}
}

func (l *Link) costsStatus() costsStatus {
	day, month := l.costs.Day(), l.costs.Month()
	lines := map[string]*sinkCost{}
	line := func(sink string) *sinkCost {
		if lines[sink] == nil {
			lines[sink] = &sinkCost{Sink: sink}
		}
		return lines[sink]
	}
	for sink, cost := range day.Sinks {
		line(sink).Day = cost
	}
	for sink, cost := range month.Sinks {
		line(sink).Month = cost
	}
	l.meters.each(func(sink string, one *meter) {
		line(sink).Waited = one.waits.total()
	})
	c := costsStatus{Stored: l.client != nil, Day: spanOf(day), Month: spanOf(month), Sinks: []sinkCost{}}
	for _, sink := range slices.Sorted(maps.Keys(lines)) {
		c.Sinks = append(c.Sinks, *lines[sink])
	}
	return c
}

func spanOf(s costs.Sum) spanStatus {
	return spanStatus{Start: s.Start.UTC(), Next: s.Next.UTC(), Since: s.Since.UTC()}
}
