// Package forecast says when a queue will be empty and when its room will be full, if
// things go on as they do.
//
//	outage          link is back
//	   ╱╲             from here on the drain is measured, not from what was before
//	  ╱  ╲
//	 ╱    ╲___
package forecast

import (
	"math"
	"time"

	"github.com/otelcol-mship/otelcol-mship/internal/trend"
)

// growthWindow is long: what comes in comes in bursts.
const growthWindow = 10 * time.Minute

// Room is something that fills up. Max 0 is none.
type Room struct{ Used, Max float64 }

// Sample is what a sink says at one moment.
type Sample struct {
	Closed         bool // the breaker: data may flow
	Records, Bytes float64
	// Rooms are those whose end stops the queue, always in the same order.
	Rooms [2]Room
}

// Forecast as the API says it. Rates are how fast the queue shrinks, net; they are negative while it grows.
type Forecast struct {
	DrainRecordsPerSecond float64    `json:"drain_records_per_second"`
	DrainBytesPerSecond   float64    `json:"drain_bytes_per_second"`
	EmptyAt               *time.Time `json:"empty_at"`
	DiskFullAt            *time.Time `json:"disk_full_at"`
}

// Trend remembers the samples that a forecast needs: at most ten minutes of them.
// It is not safe for concurrent use.
type Trend struct {
	start   time.Time
	samples []timed
}

type timed struct {
	Sample

	at time.Duration
}

// New makes a trend that knows nothing.
func New() *Trend { return &Trend{start: time.Now()} }

// Add notes a sample of now. With the breaker's change another time begins: what was before says nothing about it.
func (t *Trend) Add(s Sample) {
	now := time.Since(t.start)
	if n := len(t.samples); n > 0 && t.samples[n-1].Closed != s.Closed {
		t.samples = t.samples[:0]
	}
	old := 0
	for old < len(t.samples) && now-t.samples[old].at > growthWindow {
		old++
	}
	t.samples = append(t.samples[:0], t.samples[old:]...)
	t.samples = append(t.samples, timed{s, now})
}

// Forecast is nothing but zeros and nils until there are three samples that belong together.
func (t *Trend) Forecast() Forecast {
	recent := t.within(trend.Window)
	if len(recent) < trend.Least {
		return Forecast{}
	}
	recent = trend.FromTurn(recent, bytesOf)
	last := recent[len(recent)-1]
	f := Forecast{
		DrainRecordsPerSecond: drain(recent, func(s timed) float64 { return s.Records }),
		DrainBytesPerSecond:   drain(recent, bytesOf),
	}
	f.EmptyAt = t.when(last, last.Bytes, f.DrainBytesPerSecond)
	if f.EmptyAt == nil {
		f.DiskFullAt = t.full()
	}
	return f
}

func (t *Trend) within(window time.Duration) []timed {
	now := time.Since(t.start)
	for i, s := range t.samples {
		if now-s.at <= window {
			return t.samples[i:]
		}
	}
	return nil
}

func sampled(s timed) time.Duration { return s.at }

func bytesOf(s timed) float64 { return s.Bytes }

func drain(samples []timed, value func(timed) float64) float64 {
	if rate := -trend.Slope(samples, sampled, value); rate != 0 {
		return rate
	}
	return 0 // and not -0
}

// full is the earliest moment at which one of the rooms has no room.
func (t *Trend) full() (earliest *time.Time) {
	samples := t.within(growthWindow)
	if len(samples) < trend.Least {
		return nil
	}
	last := samples[len(samples)-1]
	for i, room := range last.Rooms {
		if room.Max <= 0 {
			continue
		}
		growth := trend.Slope(samples, sampled, func(s timed) float64 { return s.Rooms[i].Used })
		at := t.when(last, room.Max-room.Used, growth)
		if at != nil && (earliest == nil || at.Before(*earliest)) {
			earliest = at
		}
	}
	return earliest
}

// when is the moment at which the amount is done, counted from the sample. Nil is never, or done already.
func (t *Trend) when(s timed, amount, perSecond float64) *time.Time {
	seconds := amount / perSecond
	if amount <= 0 || perSecond <= 0 || math.IsNaN(seconds) || seconds > trend.Farthest.Seconds() {
		return nil
	}
	since := time.Since(t.start) - s.at
	at := time.Now().Add(time.Duration(seconds*float64(time.Second)) - since).UTC().Truncate(time.Second)
	return &at
}
