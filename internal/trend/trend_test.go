package trend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// sample is a value at a second.
type sample struct{ second, value float64 }

func at(s sample) time.Duration { return time.Duration(s.second * float64(time.Second)) }
func value(s sample) float64    { return s.value }

func TestSlope(t *testing.T) {
	for name, c := range map[string]struct {
		samples []sample
		want    float64
	}{
		"nothing":          {nil, 0},
		"one moment":       {[]sample{{1, 5}, {1, 7}}, 0},
		"falls":            {[]sample{{0, 30}, {5, 20}, {10, 10}}, -2},
		"uneven distances": {[]sample{{0, 0}, {1, 3}, {10, 30}}, 3},
		"the middle line":  {[]sample{{0, 0}, {1, 2}, {2, 0}, {3, 2}}, 0.4},
	} {
		assert.InDelta(t, c.want, Slope(c.samples, at, value), 1e-9, name)
	}
}

func TestFromTurn(t *testing.T) {
	for name, c := range map[string]struct{ values, want []float64 }{
		"nothing":                 {nil, nil},
		"falls all the time":      {[]float64{4, 3, 2, 1}, []float64{4, 3, 2, 1}},
		"from the highest":        {[]float64{1, 5, 4, 3}, []float64{5, 4, 3}},
		"the last of the highest": {[]float64{5, 5, 4, 3}, []float64{5, 4, 3}},
		"too little is left":      {[]float64{1, 2, 5, 4}, []float64{1, 2, 5, 4}},
	} {
		assert.Equal(t, c.want, FromTurn(c.values, func(v float64) float64 { return v }), name)
	}
}
