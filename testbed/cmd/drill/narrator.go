package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const lineFormat = "%5s  %-20s %-10s %9s %10s %8s %12s %12s\n"

// narrator tells what happens, in lines of at most 100 columns.
type narrator struct {
	out      io.Writer
	start    time.Time
	link     string
	attempts int // in the line before
}

func (n *narrator) heading() {
	fmt.Fprintf(n.out, lineFormat, "time", "link", "breaker", "in queue", "attempts", "", "sent", "delivered")
}

// line tells how things stand; sent is how many records went into the agent.
func (n *narrator) line(r reading, sent int) {
	more := fmt.Sprintf("(+%s)", count(r.attempts-n.attempts))
	n.attempts = r.attempts
	fmt.Fprintf(n.out, lineFormat, n.clock(), n.link, r.breaker, count(r.depth), count(r.attempts), more, count(sent), count(r.delivered))
}

// phase tells that the i-th of several begins.
func (n *narrator) phase(i, of int, p phase) {
	n.link = p.link
	fmt.Fprintf(n.out, "%5s  --- %d/%d: %s\n", n.clock(), i, of, p.title)
}

// event tells something that happened on its own.
func (n *narrator) event(text string) {
	const column, width = 11, 100 - 11
	fmt.Fprintf(n.out, "%5s  *** %s\n", n.clock(), strings.Join(wrap(text, width), "\n"+strings.Repeat(" ", column)))
}

// clock is minutes and seconds since the start.
func (n *narrator) clock() string {
	s := int(time.Since(n.start).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// wrap breaks a text at spaces into lines of at most width bytes. A longer
// word gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// count writes a number with a comma at the thousands.
func count(n int) string {
	digits := strconv.Itoa(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(digits) - 3; i > first; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
