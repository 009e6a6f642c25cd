package seen

import (
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// reserveStep is how many chunk numbers a head reserves; low is how few of
	// them make it time for the next head.
	reserveStep = 128
	reserveLow  = 32
	// fanIn chunks of one level become one of the next; maxLevel ones stay.
	fanIn    = 64
	maxLevel = 2
)

// disk is what the set has in storage. The set's lock guards it.
type disk struct {
	chunks []chunk
	// dead chunks are to be deleted.
	dead []uint64
	// stored: the keys of the table before this sequence number are in storage, or were.
	stored uint64
	// next chunk number; those below reserved may be used.
	next, reserved uint64
	// staged numbers are in the hands of callers.
	staged     map[uint64]struct{}
	generation uint64
	// failing is why the last write failed.
	failing error
	// mergeAfter, on the set's clock, the next merge is tried.
	mergeAfter time.Duration
}

// chunk in storage: all of its keys are, or were, between first and end in the table.
type chunk struct {
	number     uint64
	level      byte
	first, end uint64
}

// take is a new chunk number.
func (d *disk) take() uint64 {
	d.next++
	return d.next - 1
}

// giveBack takes numbers back whose Batch has failed. If others were taken since,
// they are as dead: their chunks may be there all the same.
func (d *disk) giveBack(numbers ...uint64) {
	for _, n := range slices.Backward(numbers) {
		if d.next == n+1 {
			d.next = n
		} else {
			d.dead = append(d.dead, n)
		}
	}
}

// isBehind: the newest keys of the table are not in storage.
func (d *disk) isBehind(t *table) bool { return d.stored < t.end }

// isShort: the next Batch has to bring a head.
func (d *disk) isShort() bool { return d.next+reserveLow > d.reserved }

func (d *disk) written(h *head) {
	d.generation, d.reserved = h.generation, max(d.reserved, h.reserved)
}

// newHead lists what there is, or may be; fresh chunks come in the same Batch.
func (s *Set) newHead(fresh ...uint64) *head {
	d := &s.disk
	h := &head{generation: d.generation + 1, clock: s.now(), tail: d.next, reserved: d.next + reserveStep, listed: slices.Concat(fresh, d.dead)}
	for _, c := range d.chunks {
		h.listed = append(h.listed, c.number)
	}
	for n := range d.staged {
		h.listed = append(h.listed, n)
	}
	slices.Sort(h.listed)
	h.listed = slices.Compact(h.listed)
	return h
}

func (s *Set) prefix() string { return "seen/" + s.cfg.Name }

func (s *Set) chunkName(number uint64) string {
	return s.prefix() + "/c/" + strconv.FormatUint(number, 10)
}

func (s *Set) headName(generation uint64) string {
	return s.prefix() + "/head/" + strconv.FormatUint(generation%2, 10)
}

func (s *Set) headOperation(h *head) *storage.Operation {
	return storage.SetOperation(s.headName(h.generation), h.encode())
}
