package seen

import (
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// tick forgets what is too old, and notes the time, so that keys go on ageing after
// a restart. That it could not be noted does not matter: they live longer.
func (s *Set) tick() {
	s.expire()
	if s.client == nil {
		return
	}
	s.sweep()
	s.mu.RLock()
	idle, h := len(s.disk.chunks) == 0, s.newHead()
	s.mu.RUnlock()
	if idle || s.client.Batch(s.ctx, s.headOperation(h)) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.written(h)
}

// sweep deletes the chunks all of whose keys are forgotten.
func (s *Set) sweep() {
	s.mu.Lock()
	d := &s.disk
	d.chunks = slices.DeleteFunc(d.chunks, func(c chunk) bool {
		if c.end > s.table.first {
			return false
		}
		d.dead = append(d.dead, c.number)
		return true
	})
	dead := slices.Clone(d.dead)
	s.mu.Unlock()
	if len(dead) == 0 || s.client == nil {
		return
	}
	if err := s.client.Batch(s.ctx, s.deletes(dead)...); err != nil {
		s.cfg.Logger.Debug("cannot delete old keys; will try again", zap.String("set", s.cfg.Name), zap.Error(err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.dead = d.dead[len(dead):]
}

func (s *Set) deletes(numbers []uint64) []*storage.Operation {
	ops := make([]*storage.Operation, len(numbers))
	for i, n := range numbers {
		ops[i] = storage.DeleteOperation(s.chunkName(n))
	}
	return ops
}

// catchUp stores what could not be stored when it came.
func (s *Set) catchUp() {
	for s.isBehind() {
		if s.storeBacklog() != nil {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk.failing = nil
}

func (s *Set) isBehind() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.client != nil && s.disk.isBehind(s.table)
}

// storeBacklog stores the oldest keys that are not stored, as many as a chunk has.
func (s *Set) storeBacklog() error {
	s.mu.Lock()
	first := max(s.disk.stored, s.table.first)
	r := s.rewrite(0, first, min(s.table.end, first+maxChunk))
	s.mu.Unlock()
	err := s.write(r.ops)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.disk.giveBack(r.chunk.number)
		return err
	}
	s.disk.written(r.head)
	s.disk.chunks = append(s.disk.chunks, r.chunk)
	s.disk.stored = r.chunk.end
	return nil
}
