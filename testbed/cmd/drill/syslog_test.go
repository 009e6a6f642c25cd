package main

import (
	"bufio"
	"context"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

func TestSyslogLines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 3, 4, 5, 6, 123456789, time.UTC)
	assert.Equal(t, "<134>Feb  3 04:05:06 bridge-01 gmdss: watch acknowledged mship.record=1000000002\n", line3164(1_000_000_002, now))
	assert.Equal(t, "<134>1 2026-02-03T04:05:06.123456Z engine-02 bilge 77 - - level nominal mship.record=1000000003\n", line5424(1_000_000_003, now))
}

func TestSyslogSendsByTurnsAndRemembersWhat(t *testing.T) {
	t.Parallel()
	first, firstLines := listen(t)
	second, secondLines := listen(t)
	c, err := dialSyslog(first, second)
	require.NoError(t, err)

	require.NoError(t, c.run(t.Context(), 200*time.Millisecond))

	var arrived []int64
	for _, lines := range []<-chan string{firstLines, secondLines} {
		for line := range lines {
			arrived = append(arrived, numberIn(line))
		}
	}
	assert.NotEmpty(t, arrived)
	assert.ElementsMatch(t, c.ids(), arrived)
}

func TestSyslogEndsWithTheContextThoughNobodyReads(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe() // holds a Write back until it is read
	defer func() { _ = far.Close() }()
	other, _ := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*syslogEvery, cancel)
	c := &syslogClient{conns: [2]net.Conn{near, other}}
	assert.Error(t, c.run(ctx, time.Hour))
	assert.Empty(t, c.ids())
}

func TestSyslogReportsALostConnection(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	require.NoError(t, far.Close())
	other, _ := net.Pipe()
	c := &syslogClient{conns: [2]net.Conn{near, other}}
	assert.ErrorContains(t, c.run(t.Context(), time.Hour), "syslog: ")
}

// listen takes one connection and hands out its lines until it is closed.
func listen(t *testing.T) (address string, lines <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", local(0))
	require.NoError(t, err)
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		defer func() { _ = l.Close() }()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for s := bufio.NewScanner(conn); s.Scan(); {
			out <- s.Text()
		}
	}()
	return l.Addr().String(), out
}

var syslogShape = regexp.MustCompile(`^<134>(1 2\S+ engine-02 |[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d bridge-01 )`)

// numberIn is the number as the shore finds it.
func numberIn(line string) int64 {
	if !syslogShape.MatchString(line) {
		return record.Unnumbered
	}
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(line)
	return record.InLogs(ld)[0]
}
