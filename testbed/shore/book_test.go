package shore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMaxOverlap(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	entry := func(from, to int) Entry {
		e := Entry{Request: Request{Arrived: at(from)}}
		if to >= 0 {
			e.Finished = at(to)
		}
		return e
	}
	entries := []Entry{entry(0, 10), entry(1, 3), entry(2, 3), entry(3, 4), entry(8, -1)}

	assert.Equal(t, 3, maxOverlap(entries, at(0)))
	assert.Equal(t, 2, maxOverlap(entries, at(4)), "the fourth ends just then")
	assert.Equal(t, 1, maxOverlap(entries, at(11)), "one never ends")
	assert.Zero(t, maxOverlap(nil, at(0)))
}

func TestLogIsBoundedAndCountsGoOn(t *testing.T) {
	b := newBook()
	for i := range maxEntries + 1 {
		e := b.arrive(Request{})
		b.read(e, content{ids: []int64{int64(i)}}, 1)
		b.decide(e, Verdict{Taken: true})
		b.finish(e, "")
	}
	assert.LessOrEqual(t, len(b.snapshot()), maxEntries)
	assert.Equal(t, maxEntries+1, b.distinct())
	assert.Zero(t, b.inFlight())
}
