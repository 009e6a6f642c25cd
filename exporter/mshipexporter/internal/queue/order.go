package queue

import "time"

// Fresh says how much of what is sent goes to what is new while older items wait.
type Fresh struct {
	// Share of the bytes: 0, which turns it off, to less than 1.
	Share float64
	// For is how long an item is new.
	For time.Duration
}

const (
	// mostYoung bounds the items that are known to be new; older ones count as old sooner.
	mostYoung = 1 << 16
	// mostCredit is what new items may have saved up, in bytes, when they come after a pause.
	mostCredit = 1 << 20
)

// order says which item is next. A clock that jumps changes nothing: how old an
// item is, is measured from when it was stored.
//
// Old items go in the order of their keys. While some wait, new ones have their
// share of the bytes beside them, the newest first: what comes faster than that
// grows old, and has its turn as such. Without old ones, all go in the order of
// their keys.
type order struct {
	Fresh
	begun bool
	// next is the lowest key that had no turn yet; ahead are those above it that had.
	next  uint64
	ahead marks
	// young are new items that had no turn yet, in the order of their keys.
	young []arrival
	// credit is what new items may have of the wire before old ones go on, in bytes.
	credit float64
}

type arrival struct {
	key uint64
	at  time.Time
}

// turn is what one read of the queue is given.
type turn struct {
	key uint64
	// early: it is new, and older ones wait. old: it is not new.
	early, old bool
}

// arrived notes an item that was stored; age is what it had then.
func (o *order) arrived(key uint64, age time.Duration) {
	if o.Share == 0 || !o.isNew(age) {
		return
	}
	o.young = append(o.young, arrival{key, time.Now().Add(-age)})
	o.prune()
}

// isNew: it is young enough. Of an item from a clock that was ahead nobody knows.
func (o *order) isNew(age time.Duration) bool { return age >= 0 && age < o.For }

func (o *order) prune() {
	for len(o.young) > 0 {
		first := o.young[0]
		if len(o.young) <= mostYoung && first.key >= o.next && time.Since(first.at) < o.For {
			return
		}
		o.young = o.young[1:]
	}
}

// take gives the next item its turn; index is where the queue reads.
func (o *order) take(index uint64) turn {
	if !o.begun {
		o.begun, o.next = true, index
	}
	o.prune()
	n := len(o.young)
	old := n == 0 || o.next < o.young[0].key
	if n > 0 && old && o.credit >= 0 {
		key := o.young[n-1].key
		o.young = o.young[:n-1]
		o.ahead.add(key)
		return turn{key: key, early: true}
	}
	key := o.next
	o.advance()
	return turn{key: key, old: old}
}

func (o *order) advance() {
	o.next++
	for o.ahead.has(o.next) {
		o.ahead.drop(o.next)
		o.next++
	}
}

// weighed notes how many bytes a turn has brought to the wire.
func (o *order) weighed(t turn, bytes int) {
	switch {
	case t.early:
		o.credit -= (1 - o.Share) * float64(bytes)
	case t.old:
		o.credit = min(o.credit+o.Share*float64(bytes), mostCredit)
	}
}
