package seen

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var errNotStaged = errors.New("no chunk was staged")

// Staged keys are stored by a Batch of the caller's own, on the client of the set.
type Staged struct {
	// Operations belong into that Batch. There are none if the storage is failing.
	Operations []*storage.Operation

	set    *Set
	keys   []Key
	number uint64
}

// Stage prepares to remember keys, 65,536 at most. They are remembered when
// [Staged.Done] is called, which must be: once, after the Batch. It waits for a
// write of the set only if very many are staged at one time.
func (s *Set) Stage(ctx context.Context, keys ...Key) *Staged {
	st := &Staged{set: s, keys: keys}
	number, ok := s.stage()
	if !ok && s.client != nil {
		if g, err := s.join(nil); err == nil {
			select {
			case <-g.done:
				number, ok = s.stage()
			case <-ctx.Done():
			}
		}
	}
	if ok {
		st.number = number
		st.Operations = []*storage.Operation{storage.SetOperation(s.chunkName(number), encodeChunk(0, []run{{s.clock(), len(keys)}}, keys))}
	}
	return st
}

// stage takes a number that a head in storage has reserved, so that a chunk is
// found again whatever happens between the caller's Batch and Done.
func (s *Set) stage() (number uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.disk
	if s.client == nil || d.failing != nil || d.next >= d.reserved {
		return 0, false
	}
	number = d.take()
	d.staged[number] = struct{}{}
	if d.isShort() && !s.closed && s.group == nil {
		s.group = &group{done: make(chan struct{})}
		s.kick()
	}
	return number, true
}

// Done remembers the keys. If err is not nil, the Batch has failed, or may have:
// then the set stores them by itself, in its own time.
func (st *Staged) Done(err error) {
	s := st.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.Operations != nil {
		delete(s.disk.staged, st.number)
	}
	switch {
	case s.client == nil:
		s.insert(s.clock(), st.keys)
	case st.Operations == nil:
		_ = s.unstored(s.clock(), st.keys, errNotStaged)
	case err != nil:
		s.disk.giveBack(st.number)
		_ = s.unstored(s.clock(), st.keys, err)
	default:
		s.stored(st.number, s.clock(), st.keys)
	}
}

// Cancel forgets the keys, as if they had never been staged. It is called in
// place of Done where the Batch failed, and with it what the keys are about.
func (st *Staged) Cancel() {
	if st.Operations == nil {
		return
	}
	s := st.set
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.disk.staged, st.number)
	s.disk.giveBack(st.number)
}
