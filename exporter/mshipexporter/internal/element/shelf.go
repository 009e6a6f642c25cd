package element

import (
	"sync"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// shelfBytes bounds what is on a shelf, as OTLP protobuf; decoded it takes some three times as much.
const shelfBytes = 8 << 20

// shelf keeps payloads that were just stored, until they are read back: while
// the link works, that is a moment later, and they need not be decoded. What
// finds no room is decoded when its turn comes: the oldest, which stay, are
// those that the queue reads first.
type shelf struct {
	mu    sync.Mutex
	kept  map[delivery.ID]delivery.Payload
	bytes int
}

// Keep has the payload of a batch at hand when the batch is read back, if it is
// in memory and there is room.
func (e *Encoding) Keep(b delivery.Batch) {
	p, ok := b.Payload.(*pressed)
	if !ok || p.Payload == nil {
		return
	}
	s := &e.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.kept[b.ID]; there || s.bytes+p.Payload.Bytes() > shelfBytes {
		return
	}
	if s.kept == nil {
		s.kept = map[delivery.ID]delivery.Payload{}
	}
	s.kept[b.ID] = p.Payload
	s.bytes += p.Payload.Bytes()
}

// Forget takes back what was kept, where the batch was not stored.
func (e *Encoding) Forget(id delivery.ID) { e.shelf.take(id) }

func (s *shelf) take(id delivery.ID) (delivery.Payload, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.kept[id]
	if ok {
		delete(s.kept, id)
		s.bytes -= p.Bytes()
	}
	return p, ok
}
