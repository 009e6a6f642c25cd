package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// row is one phase of the table. The counts are of this phase alone.
type row struct {
	link      string
	took      time.Duration
	sent      int            // records that went into the agent
	delivered int            // records that came ashore, without second copies
	attempts  int            // on the wire
	refusals  map[string]int // attempts that were not acknowledged, by what they met
	maxDepth  int            // most batches in the queue
}

const (
	rowFormat   = "%-20s %7s %9s %10s %9s  %-26s %9s\n"
	totalFormat = "%-44s %9s %10s %6s %11s %13s\n"
)

// writePhases writes one line for each phase, and their sum.
func writePhases(out io.Writer, rows []row) {
	fmt.Fprintf(out, rowFormat, "link", "seconds", "sent", "delivered", "attempts", "not acknowledged", "max queue")
	sum, refusals := row{link: "all"}, 0
	for _, r := range rows {
		writePhase(out, r, met(r.refusals))
		sum.took += r.took
		sum.sent += r.sent
		sum.delivered += r.delivered
		sum.attempts += r.attempts
		sum.maxDepth = max(sum.maxDepth, r.maxDepth)
		for _, n := range r.refusals {
			refusals += n
		}
	}
	writePhase(out, sum, count(refusals))
}

func writePhase(out io.Writer, r row, refusals string) {
	fmt.Fprintf(out, rowFormat, r.link, fmt.Sprintf("%.1f", r.took.Seconds()), count(r.sent), count(r.delivered),
		count(r.attempts), refusals, count(r.maxDepth))
}

// met writes refusals as "8 x 503, 1 x silence".
func met(refusals map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(refusals)) {
		if n := refusals[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d x %s", n, what))
		}
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// writeTotals writes one line for each source, and their sum.
func writeTotals(out io.Writer, sources []source) {
	fmt.Fprintf(out, totalFormat, "records", "sent", "delivered", "lost", "duplicated", "dead letters")
	sum := source{name: "all"}
	for _, s := range sources {
		writeTotal(out, s)
		sum.sent += s.sent
		sum.delivered += s.delivered
		sum.lost += s.lost
		sum.duplicated += s.duplicated
		sum.parked += s.parked
	}
	writeTotal(out, sum)
}

func writeTotal(out io.Writer, s source) {
	fmt.Fprintf(out, totalFormat, s.name, count(s.sent), count(s.delivered), count(s.lost), count(s.duplicated), count(s.parked))
}
