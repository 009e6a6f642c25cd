// Package queue stands between exporterhelper's persistent queue and its
// storage. It knows what is queued, from what passes, on any storage
// extension; and it shields the queue's items from faults of the storage.
package queue

import (
	"sync"
	"time"
)

// Size is an amount of queued data.
type Size struct {
	// Batches, Records and Bytes (as stored, before the storage compresses).
	Batches, Records, Bytes int64
}

func (s Size) plus(o Size) Size {
	return Size{s.Batches + o.Batches, s.Records + o.Records, s.Bytes + o.Bytes}
}

func (s Size) negative() Size { return Size{-s.Batches, -s.Records, -s.Bytes} }

// Depth is what the queues of all signals of one exporter hold, those in
// flight included. It is safe for concurrent use.
type Depth struct {
	mu   sync.Mutex
	size Size
	// shrunk is closed, and made anew, whenever something leaves.
	shrunk chan struct{}
	// flying are the items in flight, with when the door took them.
	flying map[flyingKey]time.Time
}

// flyingKey names an item in flight of one of the queues.
type flyingKey struct {
	client *client
	key    string
}

// NewDepth makes an empty one.
func NewDepth() *Depth { return &Depth{shrunk: make(chan struct{}), flying: map[flyingKey]time.Time{}} }

// Size is what is queued now.
func (d *Depth) Size() Size {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size
}

// Room calls fits with what is queued, and gives a channel that is closed when
// something leaves after that.
func (d *Depth) Room(fits func(Size) bool) (ok bool, shrunk <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fits(d.size), d.shrunk
}

// Oldest is when the door took the oldest batch that is queued; false if nothing
// is in flight: the oldest always are, but for those that gave up their turn.
func (d *Depth) Oldest() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, seen := range d.flying {
		if !ok || seen.Before(at) {
			at, ok = seen, true
		}
	}
	return at, ok
}

func (d *Depth) took(k flyingKey, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flying[k] = at
}

func (d *Depth) left(k flyingKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.flying, k)
}

// Add counts what came in.
func (d *Depth) Add(s Size) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = d.size.plus(s)
}

// Remove counts what left. An empty queue is empty in every measure, whatever
// an older release or an interrupted write had counted.
func (d *Depth) Remove(s Size) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = d.size.plus(s.negative())
	if d.size.Batches <= 0 {
		d.size = Size{}
	}
	d.size.Records, d.size.Bytes = max(d.size.Records, 0), max(d.size.Bytes, 0)
	close(d.shrunk)
	d.shrunk = make(chan struct{})
}
