package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTableOfPhases(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	writePhases(&out, []row{
		{"up", 8 * time.Second, 2560, 2554, 260, nil, 4},
		{"refuses connections", 12040 * time.Millisecond, 3000, 0, 9, map[string]int{"refused": 9}, 361},
		{"answers 503", 9 * time.Second, 1_234_567, 12, 1000, map[string]int{"503": 6, "silence": 1, "500": 0}, 12},
	})
	assert.Equal(t, `
link                 seconds      sent  delivered  attempts  not acknowledged           max queue
up                       8.0     2,560      2,554       260  -                                  4
refuses connections     12.0     3,000          0         9  9 x refused                      361
answers 503              9.0 1,234,567         12     1,000  6 x 503, 1 x silence              12
all                     29.0 1,240,127      2,566     1,269  16                               361
`, "\n"+out.String())
}

func TestTableOfTotals(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	writeTotals(&out, []source{
		{name: "OTLP", sent: 17_000, delivered: 16_998, lost: 1, duplicated: 3, parked: 1},
		{name: "syslog", sent: 8500, delivered: 8500},
	})
	assert.Equal(t, `
records                                           sent  delivered   lost  duplicated  dead letters
OTLP                                            17,000     16,998      1           3             1
syslog                                           8,500      8,500      0           0             0
all                                             25,500     25,498      1           3             1
`, "\n"+out.String())
}

func TestTablesFitIntoATerminal(t *testing.T) {
	t.Parallel()
	const most = 9_999_999
	var out strings.Builder
	writePhases(&out, []row{{"refuses connections", time.Hour, most, most, 99_999, map[string]int{"200 text/html": 99_999}, 99_999}})
	writeTotals(&out, []source{{name: "OTLP: log records, data points, spans", sent: most, delivered: most}})
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len(strings.TrimSpace(line)), 100, line)
	}
}
