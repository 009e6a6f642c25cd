package seen

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// load reads the head and the chunks, and fills the table, oldest first.
func (s *Set) load(ctx context.Context) error {
	if s.client == nil {
		s.table = newTable(0)
		return nil
	}
	h := s.readHead(ctx)
	d := &s.disk
	s.base, d.generation, d.next, d.reserved = h.clock, h.generation, h.tail, h.reserved
	if h.generation == 0 && s.stats.Damaged > 0 {
		d.next = elsewhere()
	}
	var all []stretch
	for some := range slices.Chunk(h.numbers(), fanIn) {
		all = append(all, s.readChunks(ctx, some)...)
	}
	s.fill(all)
	s.expire()
	return ctx.Err()
}

// elsewhere is where numbers begin when all heads are lost. Chunks that
// nobody knows of any more must not be found again later: they are of another clock.
func elsewhere() uint64 { return 1<<40 + rand.Uint64N(1<<40) } //nolint:gosec // no secret depends on it

// numbers that chunks may have, in order. One step above what is reserved is looked at
// too: it is where a newer head that is damaged may have led.
func (h head) numbers() []uint64 {
	numbers := slices.Clone(h.listed)
	for n := h.tail; n < h.reserved+reserveStep; n++ {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// readHead returns the newer head that can be read. If there is none, the set begins anew.
func (s *Set) readHead(ctx context.Context) head {
	var newest head
	for generation := range uint64(2) {
		key := s.headName(generation)
		value := s.get(ctx, []string{key})[0]
		if value == nil {
			continue
		}
		h, err := decodeHead(value)
		if err != nil {
			s.damaged(key, err)
		} else if h.generation >= newest.generation {
			newest = h
		}
	}
	return newest
}

// stretch is a run of keys of a chunk.
type stretch struct {
	number uint64
	level  byte
	clock  time.Duration
	keys   []byte
}

func (s *Set) readChunks(ctx context.Context, numbers []uint64) []stretch {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = s.chunkName(n)
	}
	var all []stretch
	for i, value := range s.get(ctx, names) {
		if value == nil {
			continue
		}
		s.disk.next = max(s.disk.next, numbers[i]+1)
		c, err := decodeChunk(value)
		if err != nil {
			s.damaged(names[i], err)
			s.disk.dead = append(s.disk.dead, numbers[i])
		}
		for _, r := range c.runs {
			all = append(all, stretch{number: numbers[i], level: c.level, clock: r.clock, keys: c.keys[:r.keys*keyBytes]})
			c.keys = c.keys[r.keys*keyBytes:]
		}
	}
	return all
}

// get reads values; what there is not, or cannot be read, is nil.
func (s *Set) get(ctx context.Context, names []string) [][]byte {
	ops := make([]*storage.Operation, len(names))
	for i, name := range names {
		ops[i] = storage.GetOperation(name)
	}
	values := make([][]byte, len(names))
	together := s.client.Batch(ctx, ops...)
	for i, op := range ops {
		if values[i] = op.Value; together == nil {
			continue
		}
		var err error
		if values[i], err = s.client.Get(ctx, op.Key); err != nil {
			s.damaged(op.Key, err)
			values[i] = nil
		}
	}
	return values
}

func (s *Set) damaged(key string, err error) {
	s.stats.Damaged++
	s.cfg.Logger.Error("stored keys cannot be read: they are forgotten", zap.String("set", s.cfg.Name), zap.String("key", key), zap.Error(err))
}

// fill puts what was read into the table, in the order in which it came.
func (s *Set) fill(all []stretch) {
	keys := 0
	for _, st := range all {
		keys += len(st.keys) / keyBytes
		s.base = max(s.base, st.clock)
	}
	s.table = newTable(min(keys, s.cfg.MaxKeys+1))
	slices.SortStableFunc(all, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.clock, b.clock), cmp.Compare(a.number, b.number))
	})
	chunks := map[uint64]*chunk{}
	for _, st := range all {
		first, end := s.insert(st.clock, keysOf(st.keys))
		if c, ok := chunks[st.number]; ok {
			c.end = end
		} else {
			chunks[st.number] = &chunk{number: st.number, level: st.level, first: first, end: end}
		}
	}
	for _, c := range chunks {
		s.disk.chunks = append(s.disk.chunks, *c)
	}
	slices.SortFunc(s.disk.chunks, func(a, b chunk) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.number, b.number)) })
	s.disk.stored = s.table.end
}

func keysOf(b []byte) []Key {
	keys := make([]Key, 0, len(b)/keyBytes)
	for part := range slices.Chunk(b, keyBytes) {
		keys = append(keys, Key(part))
	}
	return keys
}
