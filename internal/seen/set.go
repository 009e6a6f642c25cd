// Package seen remembers keys for a window of time, on any storage extension.
//
//	Has      is the key remembered?           memory only
//	Add      remember keys                    returns when they are stored; callers share a Batch
//	Stage    the same, in a Batch of the caller's own
//
// In memory the keys stand in one queue, oldest first, with an index over it. In
// storage they stand in chunks, each one value; a head tells which there are:
//
//	seen/NAME/head/0, head/1   the last two heads; the newer one that can be read counts
//	seen/NAME/c/NUMBER         a chunk: what one Batch brought, or 64 smaller chunks merged
//
// So a million keys are some hundred values, and what is too old is forgotten
// with a few deletes, which need no space. A chunk that cannot be read is dropped, and
// the rest goes on.
//
// Time is counted while the set is open, on the monotonic clock, and goes on
// from there after a restart. The wall clock is never asked: whatever
// it does, no key is forgotten early. While the set is closed no key ages.
package seen

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	// slotsPerWindow: a key is remembered up to this share, 1/n, of the window
	// longer, and once more until the next look at the clock.
	slotsPerWindow = 24
	// leastWindow keeps a slot above a few milliseconds.
	leastWindow = time.Second
	// mostKeys is 24 bytes each: 3 GiB at most, and positions of 31 bits.
	mostKeys = 1 << 27
	// retryEvery is how long the storage is left alone after a failed write.
	retryEvery = time.Second
)

// Settings of a [Set].
type Settings struct {
	// Name of the set among all that share the client.
	Name string
	// Window is how long a key is remembered at least, one second or more. A key
	// lives up to a twelfth of it longer.
	Window time.Duration
	// MaxKeys are remembered at most, 1 to 134,217,728; then the oldest is forgotten.
	MaxKeys int
	// Logger is told of damage, and of a storage that refuses keys.
	Logger *zap.Logger
}

// Stats of a [Set]. All but Keys only grow.
type Stats struct {
	// Keys remembered now.
	Keys int
	// Evicted before their time, because there were MaxKeys.
	Evicted int64
	// Unstored keys could not be stored when they came: they are in memory, and
	// are stored as soon as the storage takes them.
	Unstored int64
	// Damaged values were found in storage.
	Damaged int64
}

var (
	// ErrUnstored wraps what the storage said: the keys are remembered in memory only.
	ErrUnstored = errors.New("remembered in memory only")

	errClosed = errors.New("the set is closed")
)

// Set of keys. It is safe for concurrent use.
type Set struct {
	cfg    Settings
	client storage.Client
	// ctx of the writes: they outlive every request.
	ctx context.Context
	// slot is the resolution of time.
	slot time.Duration
	// opened, and the set's clock then.
	opened time.Time
	base   time.Duration

	wake, stop, stopped chan struct{}
	// scouts find out whether a group still grows.
	scouts sync.WaitGroup

	mu     sync.RWMutex
	closed bool
	table  *table
	marks  marks
	stats  Stats
	group  *group
	disk   disk
}

// Open reads what the client has of the set; a nil client makes a set that is
// in memory only. The client must stay open until [Set.Close] has returned, and
// must do a Batch wholly or not at all. Open fails for settings that make no
// sense and for a context that is done, never for what it reads.
func Open(ctx context.Context, client storage.Client, cfg Settings) (*Set, error) {
	if cfg.Window < leastWindow || cfg.MaxKeys < 1 || cfg.MaxKeys > mostKeys {
		return nil, errors.New("window must be 1s or more and max keys 1 to 134217728")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	s := &Set{
		cfg: cfg, client: client, ctx: context.WithoutCancel(ctx), slot: cfg.Window / slotsPerWindow, opened: time.Now(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		disk: disk{staged: map[uint64]struct{}{}},
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// Has says whether the key is remembered. A key that is being added is not yet.
func (s *Set) Has(k Key) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.table.has(k)
}

// Stats are the numbers of this moment.
func (s *Set) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := s.stats
	stats.Keys = s.table.len()
	return stats
}

// now is the set's clock.
func (s *Set) now() time.Duration { return s.base + time.Since(s.opened) }

// clock is the time slot of now.
func (s *Set) clock() time.Duration { return s.now().Truncate(s.slot) }

// insert remembers keys of the time slot at clock, in memory, and returns
// their place in the queue. It forgets the oldest if there are too many.
func (s *Set) insert(clock time.Duration, keys []Key) (first, end uint64) {
	first = s.table.end
	s.marks.add(first, clock)
	for _, k := range keys {
		if s.table.push(k) && s.table.len() > s.cfg.MaxKeys {
			s.table.pop()
			s.stats.Evicted++
		}
	}
	s.marks.trim(s.table)
	return first, s.table.end
}

// expireAtOnce is how many keys are forgotten while others wait: 1 ms or so.
const expireAtOnce = 1 << 12

// expire forgets what is older than the window. Others get a turn in between.
func (s *Set) expire() {
	for more := true; more; {
		s.mu.Lock()
		more = s.expireSome(expireAtOnce)
		s.mu.Unlock()
	}
}

func (s *Set) expireSome(most int) (more bool) {
	if s.table.len() == 0 {
		return false
	}
	keys, clock := s.marks.oldest(s.table)
	if s.now() < clock+s.slot+s.cfg.Window {
		return false
	}
	for range min(keys, most) {
		s.table.pop()
	}
	s.marks.trim(s.table)
	return true
}

// Close stores what is still to be stored, and returns when nothing of the set
// runs any more. The client stays open: it is the caller's.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if !again {
		close(s.stop)
	}
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
