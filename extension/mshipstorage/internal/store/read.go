package store

import (
	"context"
	"fmt"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// A read that fails is tried again: the queue deletes what it could not read once.
const (
	readAttempts = 5
	readPause    = 20 * time.Millisecond
)

// DamageError is a value whose bytes are damaged. What could be read of them
// is in quarantine.
type DamageError struct {
	Client, Key string
	// Bytes is how long the value was before compression.
	Bytes int64
	Err   error
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("the stored value of key %q of %s is damaged: %s", e.Key, e.Client, e.Err)
}

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// DamagedBytes is how much is lost. Whoever asks for it knows that to read
// again is in vain, and that to delete the key loses nothing more.
func (e *DamageError) DamagedBytes() int64 { return e.Bytes }

// loan is a place whose file stays open until it is given back.
type loan struct {
	store *Store
	place index.Place
	seg   *segment
	file  disk.File
}

// lend keeps the file of a place open. The store's lock is held.
func (s *Store) lend(p index.Place) (loan, error) {
	seg := s.byID[p.Segment]
	if seg == nil {
		return loan{}, fmt.Errorf("segment %d is gone", p.Segment)
	}
	f, err := s.use(seg)
	return loan{store: s, place: p, seg: seg, file: f}, err
}

func (l loan) back() {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	l.store.release(l.seg)
}

// stored reads the bytes as they are stored, and checks them. It tries again
// where that may help, after wait. damaged: they can be read and are wrong.
func (l loan) stored(wait func()) (b []byte, damaged bool, err error) {
	b = make([]byte, l.place.Length)
	for range readAttempts {
		_, err = l.file.ReadAt(b, int64(l.place.Offset))
		damaged = err == nil && record.Checksum(b) != l.place.CRC
		if err == nil && !damaged {
			return b, false, nil
		}
		wait()
	}
	where := fmt.Sprintf("%d bytes at %d of %s", l.place.Length, l.place.Offset, l.store.dir.Path(l.seg.name))
	if damaged {
		return nil, true, fmt.Errorf("wrong checksum of %s", where)
	}
	return nil, false, fmt.Errorf("cannot read %s: %w", where, err)
}

// atOnce is for who must not wait.
func atOnce() {}

func pause(ctx context.Context) {
	t := time.NewTimer(readPause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// read gives the value at a place that was lent.
func (c *Client) read(ctx context.Context, key string, l loan) ([]byte, error) {
	stored, damaged, err := l.stored(func() { pause(ctx) })
	if err == nil {
		var raw []byte
		if raw, err = c.store.codec.Decode(stored, int(l.place.Raw)); err == nil {
			return raw, nil
		}
		damaged = true
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if !damaged {
		c.unreadable[key] = true
		return nil, err
	}
	return nil, c.setAside(key, l, err)
}

// setAside moves a value whose bytes are damaged to quarantine. Where that
// fails it stays, and so does its key.
func (c *Client) setAside(key string, l loan, cause error) error {
	lost := &DamageError{Client: c.name, Key: key, Bytes: int64(l.place.Raw), Err: cause}
	if e, ok := c.index.Get(key); !ok || e.Place != l.place {
		return lost
	}
	r := record.Range{From: int64(l.place.Offset), To: int64(l.place.Offset) + int64(l.place.Length)}
	if err := c.store.damagedRange(l.seg, l.file, r, fmt.Sprintf("key %q of %s", key, c.name)); err != nil {
		c.unreadable[key] = true
		return fmt.Errorf("%w; %w", cause, err)
	}
	c.forget(key)
	return lost
}

// forget deletes a key for good, now or with the next record.
func (c *Client) forget(key string) {
	delete(c.unreadable, key)
	gone := record.Op{Kind: record.Delete, Key: key}
	if _, err := c.store.put(c, []record.Op{gone}, nil, true); err != nil {
		c.owe(gone)
	}
}
