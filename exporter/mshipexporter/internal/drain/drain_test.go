package drain

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// queue is one that goes up and down as it is told.
type queue struct {
	Trend
	bytes float64
}

// goes on for so long at a rate, in bytes per second; it is never less than empty.
func (q *queue) goes(d time.Duration, rate float64) {
	for range int(d / Step) {
		time.Sleep(Step)
		q.bytes = max(q.bytes+rate*Step.Seconds(), 0)
		q.Note(int64(q.bytes))
	}
}

func TestWhenItIsEmpty(t *testing.T) {
	t.Parallel()
	const unknown = -1
	for name, c := range map[string]struct {
		play func(q *queue)
		want float64 // seconds
	}{
		"nothing is known":          {func(*queue) {}, unknown},
		"too little is known":       {func(q *queue) { q.goes(2*Step, -1000) }, unknown},
		"a steady drain":            {func(q *queue) { q.goes(5*time.Minute, -1000) }, 700},
		"three levels do":           {func(q *queue) { q.goes(3*Step, -1000) }, 985},
		"empty":                     {func(q *queue) { q.goes(20*time.Minute, -1000) }, 0},
		"it fills":                  {func(q *queue) { q.goes(time.Minute, 500) }, unknown},
		"it is level":               {func(q *queue) { q.goes(time.Minute, 0) }, unknown},
		"filled, then drains":       {func(q *queue) { q.goes(time.Minute, 1000); q.goes(20*time.Second, -1000) }, 1040},
		"drained, then paused":      {func(q *queue) { q.goes(time.Minute, -1000); q.goes(65*time.Second, 0) }, unknown},
		"drained, then fills":       {func(q *queue) { q.goes(time.Minute, -1000); q.goes(65*time.Second, 10) }, unknown},
		"the link got slower":       {func(q *queue) { q.goes(5*time.Minute, -2000); q.goes(65*time.Second, -100) }, 3935},
		"not in our time":           {func(q *queue) { q.bytes = 1e12; q.goes(time.Minute, -1) }, unknown},
		"nobody has looked since":   {func(q *queue) { q.goes(time.Minute, -1000); time.Sleep(2 * time.Minute) }, unknown},
		"another time begins":       {func(q *queue) { q.goes(time.Minute, -1000); q.Restart(); q.goes(2*Step, -1000) }, unknown},
		"... and is known in a bit": {func(q *queue) { q.goes(time.Minute, 900); q.Restart(); q.goes(3*Step, -1000) }, 1039},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := &queue{bytes: 1e6}
				c.play(q)
				left, ok := q.Left(int64(q.bytes))
				assert.Equal(t, c.want != unknown, ok)
				if ok {
					assert.InDelta(t, c.want, left.Seconds(), 0.01)
				}
			})
		})
	}
}

// What is empty is, also before anything is known.
func TestEmptyFromTheStart(t *testing.T) {
	t.Parallel()
	left, ok := new(Trend).Left(0)
	assert.True(t, ok)
	assert.Zero(t, left)
}

func TestItIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		q.goes(time.Hour, 1)
		assert.Len(t, q.levels, mostLevels)
	})
}
