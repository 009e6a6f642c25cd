package queue

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// turns lets the queue, which reads one index after the other, have its items
// in another order.
//
// An index that the queue reads is a turn, and the order says which item has
// it. Items never move: each is stored under the index it was written with, its
// key. The metadata is stored in terms of keys, so that it needs no more to
// begin again: it reads from the lowest key that had no turn, and has in flight
// what is in flight below that. What is in flight above it is read again; what
// was above it and is done is not there, and the queue goes on. So a run without
// this, and the stock exporter too, find a queue like any other.
type turns struct {
	*client
	order order
	// given are the turns of the items in flight, by the index that the queue knows them by.
	given map[uint64]turn
	early func()
}

func newTurns(c *client, f Fresh, early func()) *turns {
	return &turns{client: c, order: order{Fresh: f}, given: map[uint64]turn{}, early: early}
}

const (
	// recalled items and bytes bound how far back a start looks for what is new.
	recalledItems = 256
	recalledBytes = 8 << 20
)

// recall finds what is still new of an earlier run: it came last.
func (t *turns) recall(ctx context.Context, m queuemetadata.Metadata) {
	var found []arrival
	key, bytes := m.Write, 0
	for range min(m.Write-m.Read, recalledItems) {
		key--
		item, err := t.client.Client.Get(ctx, itemKey(key))
		if err == nil && item == nil {
			continue // left before its turn
		}
		at, ok := t.firstSeen(t.headOf(item))
		if bytes += len(item); bytes > recalledBytes || err != nil || !ok || !t.order.isNew(time.Since(at)) {
			break
		}
		found = append(found, arrival{key, at})
	}
	for _, a := range slices.Backward(found) {
		t.order.arrived(a.key, time.Since(a.at))
	}
}

// Batch implements storage.Client.
func (t *turns) Batch(ctx context.Context, ops ...*storage.Operation) error {
	ours := t.inKeys(ops)
	err := t.client.Batch(ctx, ours...)
	for i, op := range ops {
		if op.Type == storage.Get && op != ours[i] {
			op.Value = ours[i].Value
			t.noteRead(op)
		}
	}
	if err == nil {
		t.noteArrivals(ops)
		t.over(ops)
	}
	return err
}

// inKeys gives the operations with keys in the place of indexes. The queue gives
// an item its turn where it writes its metadata too; other reads are its own.
func (t *turns) inKeys(ops []*storage.Operation) []*storage.Operation {
	ours := slices.Clone(ops)
	meta := slices.IndexFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Set && op.Key == queuemetadata.Key })
	for i, op := range ops {
		index, ok := queuemetadata.Index(op.Key)
		switch {
		case !ok:
		case op.Type == storage.Get && meta >= 0:
			ours[i] = storage.GetOperation(itemKey(t.take(index)))
		case op.Type == storage.Delete:
			ours[i] = storage.DeleteOperation(itemKey(t.keyOf(index)))
		}
	}
	if meta >= 0 {
		ours[meta] = storage.SetOperation(queuemetadata.Key, t.metadata(ops[meta].Value))
	}
	return ours
}

func (t *turns) take(index uint64) (key uint64) {
	given := t.order.take(index)
	t.given[index] = given
	if given.early && t.early != nil {
		t.early()
	}
	return given.key
}

// over forgets the turns that ended.
func (t *turns) over(ops []*storage.Operation) {
	for _, op := range only(ops, storage.Delete) {
		if index, ok := queuemetadata.Index(op.Key); ok {
			delete(t.given, index)
		}
	}
}

func (t *turns) keyOf(index uint64) uint64 {
	if given, ok := t.given[index]; ok {
		return given.key
	}
	return index
}

// metadata says in terms of keys what the queue says in terms of its indexes.
func (t *turns) metadata(raw []byte) []byte {
	m, err := queuemetadata.Parse(raw)
	if err != nil {
		return raw
	}
	t.noteWaiting(m.Write - m.Read)
	if t.straight() {
		return raw
	}
	m.Read = t.order.next
	var flying []uint64
	for _, index := range m.Dispatched {
		if key := t.keyOf(index); key < m.Read {
			flying = append(flying, key)
		}
	}
	m.Dispatched = flying
	return m.Marshal()
}

// straight: the queue's indexes are the keys.
func (t *turns) straight() bool {
	for index, given := range t.given {
		if index != given.key {
			return false
		}
	}
	return t.order.ahead.count == 0
}

func (t *turns) noteArrivals(ops []*storage.Operation) {
	for _, op := range only(ops, storage.Set) {
		if key, ok := queuemetadata.Index(op.Key); ok {
			t.order.arrived(key, t.age(op.Value))
		}
	}
}

// age of an item; one that does not tell is as old as its arrival.
func (t *turns) age(item []byte) time.Duration {
	if at, ok := t.firstSeen(t.headOf(item)); ok {
		return max(time.Since(at), 0) // the clock was set back
	}
	return 0
}

func (t *turns) noteRead(op *storage.Operation) {
	index, _ := queuemetadata.Index(op.Key)
	given := t.given[index]
	t.order.weighed(given, len(op.Value))
	if at, ok := t.firstSeen(t.headOf(op.Value)); ok && !given.early {
		t.depth.took(t.waitingKey(), at)
	}
}

// noteWaiting forgets how old the oldest waiting item is when none waits. What
// had its turn in the order of the keys is about as old: all that is in flight
// can be newer.
func (t *turns) noteWaiting(items uint64) {
	if items == 0 {
		t.depth.left(t.waitingKey())
	}
}

func (t *turns) waitingKey() flyingKey { return flyingKey{t.client, "waiting"} }

func itemKey(key uint64) string { return strconv.FormatUint(key, 10) }
