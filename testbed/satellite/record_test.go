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
	two := recorded(begin, map[time.Duration]int{1200 * ms: 5, 2400 * ms: 50})
	for _, c := range []struct {
		span    time.Duration
		records []*Record
		most    int
		at      time.Duration
	}{
		{time.Second, []*Record{one}, 90, 1000 * ms}, // a span has its beginning, not its end
		{1001 * ms, []*Record{one}, 100, 1000 * ms},
		{time.Second, []*Record{one, two}, 120, 3000 * ms},
		{time.Second, []*Record{two, one}, 120, 3000 * ms},
		{300 * ms, []*Record{one, two}, 75, 1200 * ms},
	} {
		most, at := Most(c.span, nil, c.records...)
		assert.Equal(t, c.most, most)
		assert.Equal(t, c.at, at.Sub(begin))
	}
	before := func(_, to time.Time) bool { return to.Before(begin.Add(time.Second)) }
	most, _ := Most(time.Second, before, one)
	assert.Equal(t, 60, most)
	most, at := Most(time.Second, nil)
	assert.Zero(t, most)
	assert.Zero(t, at)

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
