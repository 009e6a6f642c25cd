package queue

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarksAreASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		m, want := marks{}, map[uint64]bool{}
		from := random.Uint64N(1 << 40)
		for range 300 {
			key := from + random.Uint64N(400)
			if random.IntN(3) == 0 {
				m.drop(key)
				delete(want, key)
			} else {
				m.add(key)
				want[key] = true
			}
			probe := from + random.Uint64N(600) - min(from, 100)
			require.Equal(t, want[probe], m.has(probe))
			require.Equal(t, len(want), m.count)
		}
		for key := range want {
			m.drop(key)
		}
		assert.Empty(t, m.words, "nothing is kept of an empty set")
	}
}

func TestMarksForgetWhatIsPast(t *testing.T) {
	m := marks{}
	for key := range uint64(1_000_000) {
		m.add(key)
		if key >= 100 {
			m.drop(key - 100)
		}
		require.LessOrEqual(t, len(m.words), 5)
	}
}

// course is an order and what it gave.
type course struct {
	order
	index uint64
	given []uint64
}

func newCourse(f Fresh) *course {
	return &course{order: order{Fresh: f}}
}

// turns takes so many, of one size each.
func (c *course) turns(n, bytes int) []uint64 {
	c.given = nil
	for range n {
		given := c.take(c.index)
		c.index++
		c.weighed(given, bytes)
		c.given = append(c.given, given.key)
	}
	return c.given
}

func TestWhoIsNext(t *testing.T) {
	fresh := Fresh{Share: 0.5, For: time.Minute}
	for name, tc := range map[string]struct {
		fresh Fresh
		// old and young are how many wait; the keys of the old come first.
		old, young int
		want       []uint64
	}{
		"off":                             {Fresh{For: time.Minute}, 3, 3, []uint64{0, 1, 2, 3, 4, 5}},
		"nothing is new":                  {fresh, 3, 0, []uint64{0, 1, 2}},
		"nothing is old":                  {fresh, 0, 4, []uint64{0, 1, 2, 3}},
		"in turn, the newest first":       {fresh, 3, 3, []uint64{5, 0, 4, 1, 3, 2}},
		"the rest goes in order":          {fresh, 1, 4, []uint64{4, 0, 1, 2, 3}},
		"a tenth":                         {Fresh{Share: 0.1, For: time.Minute}, 12, 2, []uint64{13, 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 9, 10, 11}},
		"three quarters":                  {Fresh{Share: 0.75, For: time.Minute}, 2, 6, []uint64{7, 0, 6, 5, 4, 1, 2, 3}},
		"old is never starved, new never": {fresh, 6, 2, []uint64{7, 0, 6, 1, 2, 3, 4, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(tc.fresh)
			for key := range tc.old {
				c.arrived(uint64(key), 2*time.Minute)
			}
			for key := range tc.young {
				c.arrived(uint64(tc.old+key), 0)
			}
			assert.Equal(t, tc.want, c.turns(tc.old+tc.young, 1000))
			assert.Zero(t, c.ahead.count)
			assert.Equal(t, uint64(tc.old+tc.young), c.next)
		})
	}
}

// The share is one of bytes, not of turns.
func TestTheShareIsOfBytes(t *testing.T) {
	c := newCourse(Fresh{Share: 0.5, For: time.Minute})
	for key := range uint64(2000) {
		c.arrived(key, map[bool]time.Duration{true: time.Hour, false: 0}[key < 100])
	}
	early, old := 0, 0
	for range 500 {
		given := c.take(c.index)
		c.index++
		bytes := 1_000
		if given.old {
			bytes = 50_000
			old += bytes
		} else {
			early += bytes
		}
		c.weighed(given, bytes)
	}
	assert.InDelta(t, early, old, 60_000)
}

// What was not used of the share while nothing new came is not saved up for ever.
func TestCreditIsBounded(t *testing.T) {
	c := newCourse(Fresh{Share: 0.5, For: time.Minute})
	for key := range uint64(200) {
		c.arrived(key, time.Hour)
	}
	c.turns(100, 1<<20)
	for key := range uint64(100) {
		c.arrived(200+key, 0)
	}
	early := 0
	for _, key := range c.turns(8, 1<<20) {
		if key >= 200 {
			early++
		}
	}
	assert.Equal(t, 5, early, "two turns' worth were saved")
}

func TestNewItemsGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(Fresh{Share: 0.5, For: time.Minute})
		c.arrived(0, time.Hour)
		c.arrived(1, 0)
		time.Sleep(59 * time.Second)
		c.arrived(2, 0)
		c.arrived(3, 58*time.Second)
		time.Sleep(2 * time.Second)
		assert.Equal(t, []uint64{3, 0, 2, 1}, c.turns(4, 1), "1 is old; 3 came when it was nearly old, and is known until the one before it is")
		assert.Zero(t, c.ahead.count)
	})
}

func TestWhatIsKnownToBeNewIsBounded(t *testing.T) {
	c := newCourse(Fresh{Share: 0.5, For: time.Hour})
	for key := range uint64(3 * mostYoung) {
		c.arrived(key, 0)
	}
	assert.Len(t, c.young, mostYoung)
	assert.Equal(t, uint64(3*mostYoung-1), c.turns(1, 1)[0])
}
