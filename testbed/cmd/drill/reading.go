package main

import (
	"fmt"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// reading is what the agent's own metrics page says at one moment. The counts
// are since its start.
type reading struct {
	breaker   breakerState
	depth     int // batches queued
	attempts  int // on the wire
	delivered int // records of whatever kind
	points    int // of the host metrics, taken in
	lines     int // of syslog, taken in
}

// after adds the counts of an earlier life.
func (r reading) after(earlier reading) reading {
	r.attempts += earlier.attempts
	r.delivered += earlier.delivered
	r.points += earlier.points
	r.lines += earlier.lines
	return r
}

// breakerState is the value of mship_sink_circuit_state.
type breakerState int

const (
	closed   breakerState = 0
	open     breakerState = 1
	halfOpen breakerState = 2
)

// String says it in words.
func (s breakerState) String() string {
	switch s {
	case closed:
		return "closed"
	case open:
		return "OPEN"
	case halfOpen:
		return "half-open"
	}
	return fmt.Sprintf("state %d?", int(s))
}

// read finds the figures in a page. Counters may be missing as long as they are
// zero; the gauges are always there, or else the page is not the one we know.
func read(page agent.Page) (reading, error) {
	for _, gauge := range []string{"mship_sink_circuit_state", "mship_queue_depth"} {
		if _, found := page.Value(gauge, nil); !found {
			return reading{}, fmt.Errorf("the agent's metrics page has no %s", gauge)
		}
	}
	value := func(name string, labels map[string]string) int {
		v, _ := page.Value(name, labels)
		return int(v)
	}
	return reading{
		breaker:   breakerState(value("mship_sink_circuit_state", nil)),
		depth:     value("mship_queue_depth", nil),
		attempts:  value("mship_sink_attempts_total", nil),
		delivered: value("mship_sink_delivered_records_total", nil),
		points:    value("otelcol_receiver_accepted_metric_points", map[string]string{"receiver": "host_metrics"}),
		lines: value("otelcol_receiver_accepted_log_records", map[string]string{"receiver": "syslog/rfc3164"}) +
			value("otelcol_receiver_accepted_log_records", map[string]string{"receiver": "syslog/rfc5424"}),
	}, nil
}
