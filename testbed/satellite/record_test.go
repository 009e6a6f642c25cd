package satellite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func recorded(begin time.Time, at map[time.Duration]int) *Record {
	r := &Record{}
	for after, n := range at { // in any order
		r.note(begin.Add(after), n)
	}
	return r
}

func TestTheMostInASpan(t *testing.T) {
	begin := time.Now()
	ms := time.Millisecond
	one := recorded(begin, map[time.Duration]int{0: 10, 400 * ms: 20, 999 * ms: 30, 1000 * ms: 40, 3000 * ms: 70})
	assert.Equal(t, 90, Most(time.Second, one), "a span has its beginning, not its end")
	assert.Equal(t, 100, Most(1001*ms, one))
	two := recorded(begin, map[time.Duration]int{1200 * ms: 5, 2400 * ms: 50})
	assert.Equal(t, 120, Most(time.Second, one, two))
	assert.Equal(t, 95, Most(time.Second, one, recorded(begin, map[time.Duration]int{1200 * ms: 5})))
	assert.Zero(t, Most(time.Second))

	assert.Equal(t, 170, one.Total())
	assert.Equal(t, 90, one.Sum(begin.Add(400*ms), begin.Add(1001*ms)))
	assert.Equal(t, begin, one.First())
	assert.Zero(t, (&Record{}).First())
}

func TestWhatComesInOneGrainIsOneArrival(t *testing.T) {
	begin := time.Now()
	r := &Record{}
	for i := range 5000 {
		r.note(begin.Add(time.Duration(i)*time.Microsecond), 1)
	}
	assert.Len(t, r.snapshot(), 5)
	assert.Equal(t, 5000, r.Total())
}
