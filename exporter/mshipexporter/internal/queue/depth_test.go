package queue

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// numberIsTime has item n come in n seconds after 1970.
func numberIsTime(g *Guard) {
	g.Head = 8
	g.FirstSeen = func(head []byte) (at time.Time, ok bool) {
		if len(head) < 8 {
			return at, false
		}
		return time.Unix(int64(binary.LittleEndian.Uint64(head)), 0), true
	}
}

func TestTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := storagetest.New()
		r := newRig(t, disk, 3, none, numberIsTime)
		oldest := func(want int64) {
			t.Helper()
			synctest.Wait()
			at, ok := r.depth.Oldest()
			assert.Equal(t, want >= 0, ok)
			if ok {
				assert.Equal(t, want, at.Unix())
			}
		}
		oldest(-1)
		for n := range 10 {
			require.NoError(t, r.offer(n))
		}
		oldest(0)
		r.takesFromNow(func(n int) bool { return n == 0 || n == 2 })
		time.Sleep(2 * time.Second)
		oldest(1)
		r.stop()

		r = newRig(t, disk, 1, none, numberIsTime)
		oldest(1)
		r.takesFromNow(func(n int) bool { return n < 7 })
		time.Sleep(5 * time.Second)
		oldest(7)
		r.takesFromNow(all)
		time.Sleep(5 * time.Second)
		oldest(-1)
		assert.Empty(t, r.depth.flying, "nothing stays behind")
		r.stop()
	})
}

// A delete that the storage owes us is done all the same, and what cannot be read has no age.
func TestTheOldestOnABadDisk(t *testing.T) {
	d := NewDepth()
	a, b := &client{}, &client{}
	now := time.Unix(1000, 0)
	d.took(flyingKey{a, "1"}, now.Add(time.Second))
	d.took(flyingKey{b, "1"}, now)
	at, ok := d.Oldest()
	assert.True(t, ok)
	assert.Equal(t, now, at, "of all queues")
	d.left(flyingKey{b, "1"})
	d.left(flyingKey{b, "1"})
	at, _ = d.Oldest()
	assert.Equal(t, now.Add(time.Second), at, "one key is another in another queue")
}
