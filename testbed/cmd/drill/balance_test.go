package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBalanceOfNumberedRecords(t *testing.T) {
	t.Parallel()
	ashore := map[int64]int{1: 1, 2: 3, syslogFirst: 1, syslogFirst + 1: 1}
	parked := []int64{4, syslogFirst + 2}

	assert.Equal(t, source{name: "OTLP", sent: 5, delivered: 2, lost: 2, duplicated: 2, parked: 1, which: "3, 5", doubled: "2"},
		numbered("OTLP", []int64{1, 2, 3, 4, 5}, ashore, parked, 0, syslogFirst))
	assert.Equal(t, source{name: "syslog", sent: 3, delivered: 2, parked: 1},
		numbered("syslog", []int64{syslogFirst, syslogFirst + 1, syslogFirst + 2}, ashore, parked, syslogFirst, math.MaxInt64))
}

func TestBalanceOfUnnumberedRecords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sent, ashore, parked int
		want                 source
	}{
		{84, 84, 0, source{sent: 84, delivered: 84}},
		{84, 80, 0, source{sent: 84, delivered: 80, lost: 4}},
		{84, 80, 4, source{sent: 84, delivered: 80, parked: 4}},
		{84, 90, 0, source{sent: 84, delivered: 84, duplicated: 6}},
	} {
		assert.Equal(t, test.want, unnumbered("", test.sent, test.ashore, test.parked))
	}
}

func TestVerdictIsTheExitStatus(t *testing.T) {
	t.Parallel()
	whole := source{name: "OTLP", sent: 10, delivered: 10}
	for name, test := range map[string]struct {
		sources []source
		want    string // what is complained of; "" is exit status 0
	}{
		"whole":          {[]source{whole, whole}, ""},
		"doubled":        {[]source{{name: "OTLP", sent: 10, delivered: 10, duplicated: 3, doubled: "5"}}, "OTLP: DOUBLED 3: 5"},
		"parked":         {[]source{{sent: 10, delivered: 9, parked: 1}}, ""},
		"one lost":       {[]source{whole, {name: "syslog", sent: 10, delivered: 9, lost: 1, which: "7"}}, "syslog: LOST 1: 7"},
		"nameless lost":  {[]source{{name: "host metrics", sent: 10, delivered: 9, lost: 1}, whole}, "host metrics: LOST 1\n"},
		"nothing sent":   {[]source{whole, {name: "syslog"}}, "syslog: nothing was sent"},
		"several faults": {[]source{{name: "a"}, {name: "b", sent: 1, lost: 1}}, "b: LOST 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr strings.Builder
			got := report(verdict(test.sources), &stderr)
			if test.want == "" {
				assert.Equal(t, 0, got)
				assert.Empty(t, stderr.String())
				return
			}
			assert.Equal(t, 1, got)
			assert.Contains(t, stderr.String(), test.want)
		})
	}
}
