package satellite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestASpanWithAStallIsNotCalm(t *testing.T) {
	l, begin := &Link{}, time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	l.stalls.note(at(2), at(3))
	l.stalls.note(at(7), at(8))
	for span, calm := range map[[2]int]bool{{0, 2}: true, {1, 3}: false, {3, 7}: true, {2, 3}: false, {4, 9}: false, {8, 20}: true} {
		assert.Equal(t, calm, l.Calm(at(span[0]), at(span[1])), span)
	}
	assert.Equal(t, 2*time.Second, l.Stalled(at(0), at(10)))
	assert.Equal(t, time.Second, l.Stalled(at(3), at(10)))
	assert.Zero(t, l.Stalled(at(3), at(7)))
}
