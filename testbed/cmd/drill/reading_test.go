package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

const gauges = `mship_sink_circuit_state{sink="shore"} 2
mship_queue_depth{sink="shore"} 17
`

func TestReadTheMetricsPage(t *testing.T) {
	t.Parallel()
	page, err := agent.ParsePage(gauges + `
mship_sink_attempts_total{otel_scope_name="x",sink="shore"} 40
mship_sink_delivered_records_total{signal="logs",sink="shore"} 300
mship_sink_delivered_records_total{signal="metrics",sink="shore"} 50
otelcol_receiver_accepted_metric_points{receiver="host_metrics",transport=""} 84
otelcol_receiver_accepted_metric_points{receiver="otlp",transport="http"} 1000
otelcol_receiver_accepted_log_records{receiver="syslog/rfc3164",transport="tcp"} 5
otelcol_receiver_accepted_log_records{receiver="syslog/rfc5424",transport="tcp"} 6
otelcol_receiver_accepted_log_records{receiver="otlp",transport="http"} 1000
`)
	require.NoError(t, err)
	r, err := read(page)
	require.NoError(t, err)
	assert.Equal(t, reading{breaker: halfOpen, depth: 17, attempts: 40, delivered: 350, points: 84, lines: 11}, r)
	earlier := reading{breaker: open, depth: 99, attempts: 1, delivered: 2, points: 3, lines: 4}
	assert.Equal(t, reading{breaker: halfOpen, depth: 17, attempts: 41, delivered: 352, points: 87, lines: 15}, r.after(earlier))
}

func TestReadAPageBeforeTheFirstAttempt(t *testing.T) {
	t.Parallel()
	page, err := agent.ParsePage(gauges)
	require.NoError(t, err)
	r, err := read(page)
	require.NoError(t, err)
	assert.Equal(t, reading{breaker: halfOpen, depth: 17}, r)
}

func TestReadAPageOfSomebodyElse(t *testing.T) {
	t.Parallel()
	page, err := agent.ParsePage("mship_sink_circuit_state 0\n")
	require.NoError(t, err)
	_, err = read(page)
	assert.ErrorContains(t, err, "no mship_queue_depth")
}

func TestWhyTheBreakerOpened(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "503 {busy}", why([]string{
		`2026-01-02 warn the circuit breaker is open {"error": "an older one"}`,
		`2026-01-02 warn the circuit breaker is open {"from": "closed", "error": "503 {busy}"}`,
	}))
	for _, line := range []string{"", "open", "open {broken", `open {"from": "closed"}`} {
		assert.Empty(t, why([]string{line}), line)
	}
	assert.Empty(t, why(nil))
}
