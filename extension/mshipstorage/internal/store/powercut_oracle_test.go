package store_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// phase is how far a batch has come. It goes through them one after the other,
// each step one Batch of the store: its journal is set; it is enqueued and the
// journal deleted; it is completed and entered in the ledger; the ledger forgets it.
type phase int

const (
	unknown phase = iota
	journalled
	queued
	delivered
	forgotten
)

// progress of a batch: what is certainly durable, and what may be.
type progress struct {
	least, most phase
	// damaged: a byte of its value was flipped on the disk.
	damaged bool
	// hurt: some record that tells of it was damaged, so it may be at any place.
	hurt bool
}

// version of a plain key: the index of the value that is certainly durable, and
// of the last one that may be.
type version struct{ least, most int }

// oracle knows what a store must have, at any instant.
type oracle struct {
	mu      sync.Mutex
	batches map[int]progress
	plain   map[string]version
	// unflushed are acknowledged steps that need not be durable before the next enqueue is.
	unflushed map[int]phase
	// full: the disk was full at times. That a batch is delivered may then have
	// been owed when its segment was freed, which is what makes room: a power cut
	// forgets the ledger's entry, of a batch that nobody needs any more.
	full bool
}

func newOracle() *oracle {
	return &oracle{batches: map[int]progress{}, plain: map[string]version{}, unflushed: map[int]phase{}}
}

// snapshot is what it knows now.
func (o *oracle) snapshot() *oracle {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &oracle{batches: maps.Clone(o.batches), plain: maps.Clone(o.plain), unflushed: map[int]phase{}, full: o.full}
}

// try: the step is about to be taken.
func (o *oracle) try(id int, to phase) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.batches[id]
	p.most = max(p.most, to)
	o.batches[id] = p
}

// durable: the step is acknowledged, and all that was acknowledged before it.
func (o *oracle) durable(id int, to phase) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unflushed[id] = max(o.unflushed[id], to)
	o.flushed()
}

// acknowledged: the step is taken, but a power cut may undo it.
func (o *oracle) acknowledged(id int, to phase) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unflushed[id] = to
}

func (o *oracle) flushed() {
	for id, to := range o.unflushed {
		p := o.batches[id]
		p.least = max(p.least, to)
		o.batches[id] = p
	}
	clear(o.unflushed)
}

// closed: the store was closed without an error.
func (o *oracle) closed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushed()
}

func (o *oracle) damage(id int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.batches[id]
	p.damaged = true
	o.batches[id] = p
}

// set tells which version of a plain key to write next.
func (o *oracle) set(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := o.plain[key]
	v.most++
	o.plain[key] = v
	return v.most
}

func (o *oracle) isSet(key string, number int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := o.plain[key]
	v.least = max(v.least, number)
	o.plain[key] = v
}

// settle takes what was seen for what is, after a recovery.
func (o *oracle) settle(s seen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.unflushed)
	for id, p := range o.batches {
		at, _ := s.phaseOf(id)
		if at == unknown && p.most == forgotten {
			at = forgotten
		}
		if !p.hurt {
			p.least, p.most = at, at
		}
		o.batches[id] = p
	}
}

// contents: every batch has its own, which can be told from its number.
func batchContent(id int) []byte {
	size := 40 + id*7919%600
	switch {
	case id%37 == 5:
		size = 6000 // more than a segment
	case id%11 == 3:
		size = 4 // shorter than any other
	}
	return content(fmt.Sprintf("batch-%06d|", id), size)
}

// plainContent is the value of a version of a key; nil is none.
func plainContent(key string, number int) []byte {
	switch {
	case number == 0 || number%4 == 3:
		return nil
	case number%4 == 2:
		return content(fmt.Sprintf("plain-%s-%06d|", key, number), 700) // not a small one
	default:
		return content(fmt.Sprintf("plain-%s-%06d|", key, number), 10)
	}
}

func content(head string, size int) []byte {
	b := []byte(head)
	for i := range size {
		b = append(b, 'a'+byte((len(head)+int(head[len(head)-2])*31+i*i)%23))
	}
	return b
}

// seen is what a store has.
type seen struct {
	journal, ledger map[int]bool
	items           map[int]int
	plain           map[string][]byte
	quarantine      [][]byte
}

// wrong is all in which what a store has is not what it must have.
func (o *oracle) wrong(s seen) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(o.batches)) {
		p := o.batches[id]
		if p.damaged && (s.items[id] > 0 || s.ledger[id]) {
			delete(s.journal, id) // the record with the value is gone, and with it the delete of the journal
		}
		at, text := s.phaseOf(id)
		switch {
		case p.hurt:
		case text != "":
			out = append(out, text)
		case at == unknown && p.most == forgotten:
		case at == unknown && p.most == delivered && o.full:
		case p.damaged && at == unknown && p.most >= queued:
			if !s.quarantined(id) {
				out = append(out, fmt.Sprintf("batch %d was damaged, and is neither here nor in quarantine", id))
			}
		case p.damaged && at <= queued:
		case at < p.least || at > p.most:
			out = append(out, fmt.Sprintf("batch %d is at %d, must be within %d and %d", id, at, p.least, p.most))
		}
	}
	out = append(out, o.strangers(s)...)
	return append(out, o.wrongPlain(s)...)
}

func (o *oracle) strangers(s seen) (out []string) {
	for _, known := range []map[int]bool{s.journal, s.ledger} {
		for id := range known {
			if o.batches[id].most == unknown {
				out = append(out, fmt.Sprintf("batch %d was never there", id))
			}
		}
	}
	for id := range s.items {
		if o.batches[id].most < queued {
			out = append(out, fmt.Sprintf("batch %d was never enqueued", id))
		}
	}
	for key := range s.plain {
		if o.plain[key].most == 0 {
			out = append(out, fmt.Sprintf("key %q was never set", key))
		}
	}
	return out
}

func (o *oracle) wrongPlain(s seen) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(o.plain)) {
		v := o.plain[key]
		ok := false
		for number := v.least; number <= v.most; number++ {
			want := plainContent(key, number)
			got, there := s.plain[key]
			ok = ok || there == (want != nil) && bytes.Equal(got, want)
		}
		if !ok {
			out = append(out, fmt.Sprintf("key %q is %.40q, must be of version %d to %d", key, s.plain[key], v.least, v.most))
		}
	}
	return out
}

// phaseOf is where a batch is, and what is wrong if it is at two places at once.
func (s seen) phaseOf(id int) (at phase, text string) {
	if s.items[id] > 1 {
		return queued, fmt.Sprintf("batch %d stands %d times in the queue", id, s.items[id])
	}
	places := 0
	for p, there := range map[phase]bool{journalled: s.journal[id], queued: s.items[id] > 0, delivered: s.ledger[id]} {
		if there {
			at = p
			places++
		}
	}
	if places > 1 {
		text = fmt.Sprintf("batch %d: journal %v, queue %d, ledger %v: a Batch was cut in two", id, s.journal[id], s.items[id], s.ledger[id])
	}
	return at, text
}

// quarantined: what is left of the batch is in quarantine.
func (s seen) quarantined(id int) bool {
	head := batchContent(id)[:len("batch-000000|")]
	return slices.ContainsFunc(s.quarantine, func(b []byte) bool { return bytes.Contains(b, head) })
}

func newSeen() seen {
	return seen{journal: map[int]bool{}, ledger: map[int]bool{}, items: map[int]int{}, plain: map[string][]byte{}}
}

// idOf reads the number behind a prefix.
func idOf(s, prefix string) (id int, ok bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok || len(digits) < 6 {
		return 0, false
	}
	n, err := fmt.Sscanf(digits[:6], "%d", &id)
	return id, n == 1 && err == nil
}
