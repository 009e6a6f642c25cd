package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNarration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		n := &narrator{out: &out, start: time.Now()}
		n.heading()
		n.phase(2, 11, phase{title: "the link dies", link: "refuses connections"})
		time.Sleep(2 * time.Second)
		n.line(reading{depth: 1361, attempts: 265, delivered: 2554}, 3212)
		time.Sleep(time.Minute)
		n.line(reading{breaker: halfOpen, attempts: 266}, 3212)
		n.event(change(closed, open, strings.Repeat("the far end is silent ", 6)))
		assert.Equal(t, `
 time  link                 breaker     in queue   attempts                  sent    delivered
 0:00  --- 2/11: the link dies
 0:02  refuses connections  closed         1,361        265   (+265)        3,212        2,554
 1:02  refuses connections  half-open          0        266     (+1)        3,212            0
 1:02  *** the breaker opens: the far end is silent the far end is silent the far end is silent the
           far end is silent the far end is silent the far end is silent
`, "\n"+out.String())
	})
}

func TestTitlesFitIntoATerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	n := &narrator{out: &out, start: time.Now()}
	phases := fullScript().phases
	for i, p := range phases {
		n.phase(i+1, len(phases), p)
		n.line(reading{breaker: halfOpen, depth: 99_999, attempts: 99_999, delivered: 9_999_999}, 9_999_999)
	}
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len(line), 100, line)
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"one two", "three", "incredible", "a"}, wrap(" one two  three incredible a", 7))
	assert.Equal(t, []string{""}, wrap("", 7))
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -5: "-5", -123: "-123", -1234: "-1,234",
	} {
		assert.Equal(t, want, count(n))
	}
}

func TestChangesOfTheBreakerInWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "the breaker opens: 503", change(closed, open, "503"))
	assert.Equal(t, "the breaker opens: the link is left alone", change(closed, open, ""))
	assert.Equal(t, "the probe failed: the breaker is open again", change(halfOpen, open, "503"))
	assert.Contains(t, change(open, halfOpen, ""), "half-open")
	assert.Contains(t, change(halfOpen, closed, ""), "closes")
	assert.Equal(t, "state 7?", breakerState(7).String())
}
