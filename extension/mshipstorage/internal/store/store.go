// Package store is an append-only log of checksummed records in segments, with
// an index in memory, that serves as key-value storage and knows the queue
// that uses it. FORMAT.md describes its files, the README its promises.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/value"
)

// Settings of a store. All but Watch are required.
type Settings struct {
	Dir disk.Dir
	// MaxBytes of all files together, beyond which new data is refused.
	MaxBytes int64
	// MinFreeBytes of the file system, below which new data is refused.
	MinFreeBytes int64
	// SegmentBytes is how long a segment's file gets.
	SegmentBytes int64
	// Compress values with zstd.
	Compress bool
	// FlushEachItem acknowledges new data only when it is flushed. Otherwise
	// everything waits for FlushInterval.
	FlushEachItem bool
	// FlushInterval is the longest that anything stays unflushed.
	FlushInterval time.Duration
	Logger        *zap.Logger
	// Watch hears what happens; it may be zero. It is called with locks held
	// and must not call the store.
	Watch Watch
}

// Watch hears what happens in a store. Nil functions are not called.
type Watch struct {
	// Flushed hears of every flush of a file or the directory, and how long it took.
	Flushed func(took time.Duration)
	// Refused hears that new data was refused, and why: one of the Refused… reasons.
	Refused func(reason string)
	// Damaged hears of bytes that were found damaged.
	Damaged func(bytes int64)
	// Quarantined hears of a piece of them that was put aside.
	Quarantined func()
}

// Store is safe for concurrent use.
type Store struct {
	set   Settings
	dir   disk.Dir
	codec *value.Codec
	quarantine

	// flushing lets one flush after the other; it is locked before mu.
	flushing sync.Mutex

	mu      sync.Mutex
	closed  bool
	clients map[string]*Client
	// segments in the order of their ids; byID are the same.
	segments []*segment
	byID     map[uint32]*segment
	// active takes the next record; nil until there is one, and after a fault.
	active *segment
	nextID uint32
	// lsn of the last record placed, flushed of the last one known to be durable.
	lsn, flushed uint64
	// unflushed are the records beyond flushed: a failed flush writes them anew.
	unflushed      []placed
	unflushedBytes int64
	// broken is why the last flush failed, and cut where the log ends that it
	// left behind, until that is mended.
	broken error
	cut    record.Cut
	// names counts the names made in the directory; so many of them are durable.
	names, durableNames uint64
	// spares are files to be written over. The last one is a reserve: what must
	// not fail for want of space is written into it.
	spares []spare
	// movers is at most one more, a shorter one, for what is moved forward; moving
	// tells that something is.
	movers []spare
	moving bool
	// used is the size of all files, in bytes; reserved what the door was promised.
	used, reserved int64
	// full: new data was refused, and none was taken since.
	full bool
	// rotated is when a segment was begun last.
	rotated time.Time
	// unsure: what was found at this start may not be durable.
	unsure bool
	// reading are the segments whose files are open for reading alone, oldest first.
	reading []*segment

	wake chan struct{}
	done chan struct{}
	all  sync.WaitGroup
}

// placed is a record in a segment.
type placed struct {
	client *Client
	record *record.Encoded
	in     *segment
}

// Open reads the directory and starts the store. Damage does not keep it from
// starting: it fails only if the directory cannot be read, or was written by a
// newer release ([record.ErrNewer]); then nothing in it is changed.
func Open(set Settings) (*Store, error) {
	codec, err := value.New(set.Compress)
	if err != nil {
		return nil, err
	}
	s := &Store{
		set: set, dir: set.Dir, codec: codec,
		clients: map[string]*Client{}, byID: map[uint32]*segment{}, nextID: 1,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := s.recover(); err != nil {
		codec.Close()
		s.closeFiles()
		return nil, err
	}
	s.all.Go(s.tend)
	return s, nil
}

var errClosed = errors.New("the store is closed")

// Close flushes what there is, and closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.done)
	s.all.Wait()
	err := s.settle()
	if err != nil {
		err = fmt.Errorf("cannot flush the store: %w", err)
	}
	s.closeFiles()
	s.codec.Close()
	return err
}

// settle flushes everything, and summarises it for the next start.
func (s *Store) settle() error {
	s.mu.Lock()
	unpaid := s.payAll()
	lsn := s.lsn
	s.active = nil
	s.mu.Unlock()
	err := errors.Join(unpaid, s.flush(lsn))
	s.sealAll()
	return err
}

func (s *Store) closeFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		s.closeFile(seg)
	}
}

// Size of the store in bytes: of all its files, and what of it is still needed.
func (s *Store) Size() (used, live int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		live += seg.live
	}
	return s.used, live
}

// Client gives the data of this name to a component. What exporterhelper's
// queue needs to be whole is mended before. Every call must be followed by a Close.
func (s *Store) Client(_ context.Context, name string) (*Client, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	c := s.client(name)
	restored := c.open == 0 && c.restore()
	c.open++
	lsn := s.lsn
	s.mu.Unlock()
	if restored {
		if err := s.flush(lsn); err != nil {
			s.set.Logger.Error("cannot flush what was mended of a queue; it is mended again at the next start", zap.String("client", name), zap.Error(err))
		}
	}
	return c, nil
}

// client is the one of that name, made if need be.
func (s *Store) client(name string) *Client {
	c := s.clients[name]
	if c == nil {
		c = newClient(s, name)
		s.clients[name] = c
	}
	return c
}

func (s *Store) weigh(id uint32, bytes int64) {
	seg := s.byID[id]
	if seg == nil {
		return
	}
	if seg.live += bytes; seg.live == 0 {
		seg.emptied = s.lsn
	}
}
