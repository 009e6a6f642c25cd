package seen

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// leastRing is the smallest ring, in keys.
const leastRing = 1 << 10

// table is a queue of distinct keys with an index: 24 bytes a key when it is
// full. Each key has a sequence number, and keeps it. It is not safe for
// concurrent use.
//
//	ring   keys in the order they came, at sequence number mod its length
//	slots  open addressing with linear probing, half empty at least: a
//	       position in the ring plus one, or 0
type table struct {
	ring  []Key
	slots []uint32
	shift int
	// odd is the multiplier of the hash. It is random, so that nobody who chooses
	// keys knows which slots they take.
	odd uint64
	// first is the oldest key's sequence number, end the next one's.
	first, end uint64
}

func newTable(keys int) *table {
	t := &table{odd: rand.Uint64() | 1} //nolint:gosec // it spreads keys over slots; no secret depends on it
	t.resize(max(leastRing, keys))
	return t
}

func (t *table) len() int { return int(t.end - t.first) }

// at is the key with the sequence number seq, which must be first or later and before end.
func (t *table) at(seq uint64) Key { return t.ring[t.place(seq)] }

func (t *table) place(seq uint64) uint32 { return uint32(seq) & uint32(len(t.ring)-1) }

func (t *table) has(k Key) bool {
	_, found := t.find(k)
	return found
}

// push appends a key, unless it is there already.
func (t *table) push(k Key) bool {
	if t.len() == len(t.ring) {
		t.resize(2 * len(t.ring))
	}
	slot, found := t.find(k)
	if found {
		return false
	}
	place := t.place(t.end)
	t.ring[place], t.slots[slot] = k, place+1
	t.end++
	return true
}

// pop forgets the oldest key; there must be one. What stands behind it in the
// slots moves up, so that no search ends too early.
func (t *table) pop() {
	gap, _ := t.find(t.at(t.first))
	mask := uint64(len(t.slots) - 1)
	for i := (gap + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		home := t.home(t.ring[t.slots[i]-1])
		if (i-home)&mask >= (i-gap)&mask {
			t.slots[gap], gap = t.slots[i], i
		}
	}
	t.slots[gap] = 0
	t.first++
}

// find returns the slot that has the key, or the free one where it belongs.
func (t *table) find(k Key) (slot uint64, found bool) {
	mask := uint64(len(t.slots) - 1)
	for i := t.home(k); ; i = (i + 1) & mask {
		switch p := t.slots[i]; {
		case p == 0:
			return i, false
		case t.ring[p-1] == k:
			return i, true
		}
	}
}

// home is where the search for a key begins. Keys are SHA-256: any 8 bytes of it will do.
func (t *table) home(k Key) uint64 {
	return binary.LittleEndian.Uint64(k[:8]) * t.odd >> t.shift
}

// resize makes room for so many keys, rounded up to a power of two. At half a
// million keys it takes some 25 ms, once.
func (t *table) resize(keys int) {
	width := bits.Len(uint(keys - 1))
	old := *t
	t.ring, t.slots, t.shift = make([]Key, 1<<width), make([]uint32, 2<<width), 64-width-1
	t.end = t.first
	for seq := old.first; seq < old.end; seq++ {
		k := old.at(seq)
		slot, _ := t.find(k)
		t.ring[t.place(seq)], t.slots[slot] = k, t.place(seq)+1
		t.end++
	}
}
