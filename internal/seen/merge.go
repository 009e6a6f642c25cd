package seen

import (
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// mergeRest is how long no merge is tried after one that failed.
const mergeRest = time.Minute

// merge makes one chunk of many, level by level, so that there are never many
// chunks. A key is written three times at most.
func (s *Set) merge() {
	for level := range byte(maxLevel) {
		if !s.mergeLevel(level) {
			return
		}
	}
}

func (s *Set) mergeLevel(level byte) (merged bool) {
	s.mu.Lock()
	d := &s.disk
	old := d.mergeable(level, s.table.first)
	if len(old) < 2 || d.failing != nil || s.now() < d.mergeAfter {
		s.mu.Unlock()
		return false
	}
	first, end := span(old, s.table.first)
	r := s.rewrite(level+1, min(first, end), end)
	gone := make([]uint64, len(old))
	for i := range old {
		gone[i] = old[i].number
	}
	s.mu.Unlock()

	err := s.client.Batch(s.ctx, append(r.ops, s.deletes(gone)...)...)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.unmerged(r, err)
		return false
	}
	d.written(r.head)
	d.replace(gone, r.chunk)
	return true
}

// unmerged: nothing is lost by it. But unless the storage has refused the Batch
// for want of space, nobody knows which of the chunks are there: then their
// keys are stored anew.
func (s *Set) unmerged(r rewritten, err error) {
	d := &s.disk
	d.giveBack(r.chunk.number)
	d.mergeAfter = s.now() + mergeRest
	if !errors.Is(err, storage.ErrStorageFull) {
		d.stored = min(d.stored, r.chunk.first)
	}
	s.cfg.Logger.Debug("cannot merge stored keys; will try again", zap.String("set", s.cfg.Name), zap.Error(err))
}

// mergeable are the oldest chunks of a level if there are enough of them, as
// many as one chunk has room for. One that leaves no room goes up by itself.
func (d *disk) mergeable(level byte, oldest uint64) []chunk {
	var at []int
	for i, c := range d.chunks {
		if c.level == level {
			at = append(at, i)
		}
	}
	if len(at) < fanIn {
		return nil
	}
	var old []chunk
	for _, i := range at[:fanIn] {
		old = append(old, d.chunks[i])
		if first, end := span(old, oldest); end > first+maxChunk {
			old = old[:len(old)-1]
			break
		}
	}
	if len(old) < 2 {
		d.chunks[at[0]].level++
	}
	return old
}

// span is the stretch of the table that chunks cover; what is before oldest is forgotten.
func span(chunks []chunk, oldest uint64) (first, end uint64) {
	first = ^uint64(0)
	for _, c := range chunks {
		first, end = min(first, c.first), max(end, c.end)
	}
	return max(first, oldest), end
}

// replace puts a chunk in the place of others.
func (d *disk) replace(gone []uint64, c chunk) {
	at := slices.IndexFunc(d.chunks, func(o chunk) bool { return o.number == gone[0] })
	d.chunks[at] = c
	d.chunks = slices.DeleteFunc(d.chunks, func(o chunk) bool { return slices.Contains(gone, o.number) })
}

// rewritten is a stretch of the table as a new chunk, with the head that lists it.
type rewritten struct {
	chunk chunk
	head  *head
	ops   []*storage.Operation
}

func (s *Set) rewrite(level byte, first, end uint64) rewritten {
	c := chunk{number: s.disk.take(), level: level, first: first, end: end}
	keys := make([]Key, 0, end-first)
	for seq := first; seq < end; seq++ {
		keys = append(keys, s.table.at(seq))
	}
	h := s.newHead(c.number)
	return rewritten{chunk: c, head: h, ops: []*storage.Operation{
		storage.SetOperation(s.chunkName(c.number), encodeChunk(level, s.marks.runs(first, end), keys)), s.headOperation(h),
	}}
}
