package seen

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// group is the keys that are written together, and what who waits for it is told.
type group struct {
	keys []Key
	done chan struct{}
	err  error
}

// Add remembers keys, and returns when they are stored: callers that come while
// a Batch is written, or are ready to run when the next begins, share the next
// one. An [ErrUnstored] means that they are remembered, but only in memory until
// the storage takes them. If ctx is done first, its error is returned and the
// keys are remembered all the same.
func (s *Set) Add(ctx context.Context, keys ...Key) error {
	g, err := s.join(keys)
	if err != nil {
		return err
	}
	gone := ctx.Done()
	if gone == nil { // as for every request ashore, for which a select would be a cost
		<-g.done
		return g.err
	}
	select {
	case <-g.done:
		return g.err
	case <-gone:
		return ctx.Err()
	}
}

// join adds keys to the next group. Without a storage there is nothing to wait for.
func (s *Set) join(keys []Key) (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.client == nil {
		s.insert(s.clock(), keys)
		return inMemory, nil
	}
	if s.group == nil {
		s.group = &group{done: make(chan struct{})}
		s.kick()
	}
	s.group.keys = append(s.group.keys, keys...)
	return s.group, nil
}

// inMemory is a group that is done.
var inMemory = func() *group {
	g := &group{done: make(chan struct{})}
	close(g.done)
	return g
}()

func (s *Set) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the only one that writes, but for what is staged.
func (s *Set) run() {
	defer close(s.stopped)
	defer s.scouts.Wait()
	tick := time.NewTicker(s.slot)
	defer tick.Stop()
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-s.wake:
			s.commit()
		case <-retry.C:
			s.catchUp()
		case <-tick.C:
			s.tick()
		case <-s.stop:
			s.commit()
			s.catchUp()
			s.tick()
			return
		}
	}
}

// commit writes the group, and what fell due with it.
func (s *Set) commit() {
	s.expire()
	s.gather()
	s.mu.Lock()
	g := s.group
	s.group = nil
	s.mu.Unlock()
	if g == nil {
		return
	}
	g.err = s.store(g)
	close(g.done)
	s.sweep()
	s.merge()
}

// store remembers a group: in storage, and then in memory.
func (s *Set) store(g *group) error {
	s.mu.Lock()
	if err := s.disk.failing; err != nil {
		defer s.mu.Unlock()
		return s.unstored(s.clock(), g.keys, err)
	}
	p := s.plan(g.keys)
	s.mu.Unlock()
	err := s.write(p.ops)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.disk.giveBack(p.numbers...)
		return s.unstored(p.clock, g.keys, err)
	}
	s.settle(p)
	return nil
}

// unstored remembers keys in memory that could not be stored.
func (s *Set) unstored(clock time.Duration, keys []Key, err error) error {
	s.insert(clock, keys)
	s.stats.Unstored += int64(len(keys))
	return fmt.Errorf("%w: %w", ErrUnstored, err)
}

// write does a Batch. From the first failure on, nothing but the retries is
// tried until one succeeds: a full disk costs a request no time.
func (s *Set) write(ops []*storage.Operation) error {
	err := s.client.Batch(s.ctx, ops...)
	s.mu.Lock()
	was := s.disk.failing
	s.disk.failing = err
	s.mu.Unlock()
	switch {
	case err != nil && was == nil:
		s.cfg.Logger.Warn("keys cannot be stored: they are remembered in memory until the storage takes them", zap.String("set", s.cfg.Name), zap.Error(err))
	case err == nil && was != nil:
		s.cfg.Logger.Info("keys are stored again", zap.String("set", s.cfg.Name))
	}
	return err
}

// plan is a write of new chunks.
type plan struct {
	ops   []*storage.Operation
	clock time.Duration
	// parts are the keys of each new chunk, numbers those of the chunks.
	parts   [][]Key
	numbers []uint64
	head    *head
}

// plan makes chunks of keys, all of the present time slot.
func (s *Set) plan(keys []Key) *plan {
	p := &plan{clock: s.clock(), parts: slices.Collect(slices.Chunk(keys, maxChunk))}
	for _, part := range p.parts {
		n := s.disk.take()
		p.numbers = append(p.numbers, n)
		p.ops = append(p.ops, storage.SetOperation(s.chunkName(n), encodeChunk(0, []run{{p.clock, len(part)}}, part)))
	}
	if s.disk.isShort() {
		p.head = s.newHead(p.numbers...)
		p.ops = append(p.ops, s.headOperation(p.head))
	}
	return p
}

// settle remembers in memory what was written.
func (s *Set) settle(p *plan) {
	if p.head != nil {
		s.disk.written(p.head)
	}
	for i, part := range p.parts {
		s.stored(p.numbers[i], p.clock, part)
	}
}

// stored remembers keys in memory that stand in a new chunk.
func (s *Set) stored(number uint64, clock time.Duration, keys []Key) {
	behind := s.disk.isBehind(s.table)
	first, end := s.insert(clock, keys)
	s.disk.chunks = append(s.disk.chunks, chunk{number: number, first: first, end: end})
	if !behind {
		s.disk.stored = end
	}
}
