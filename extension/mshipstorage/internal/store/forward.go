package store

import (
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// movedAtOnce bounds how much is moved forward while others wait, in bytes.
const movedAtOnce = 1 << 20

// What cannot be moved forward is tried again after movePause. What cannot be
// read then is given up after stuckMax of them: it would keep the disk full.
const (
	movePause = time.Minute
	fullPause = time.Second
	stuckMax  = 3
)

// moveForward writes what is left in the oldest segment anew at the end, where
// that is little, or much of the whole log is not needed: one batch that
// stays does not keep the disk full. It tells whether it did.
func (s *Store) moveForward() bool {
	s.mu.Lock()
	seg := s.oldest()
	if seg == nil || time.Since(seg.tried) < movePause || !s.worthMoving(seg) {
		s.mu.Unlock()
		return false
	}
	left := map[*Client][]string{}
	for _, c := range s.clients {
		left[c] = slices.Collect(c.index.In(seg.id))
	}
	s.mu.Unlock()
	for c, keys := range left {
		for len(keys) > 0 {
			n, err := c.moveSome(seg, keys)
			if err != nil {
				s.set.Logger.Warn("cannot move what is left in a segment; will try again later", zap.String("file", s.dir.Path(seg.name)), zap.Error(err))
				s.postpone(seg, err)
				return false
			}
			keys = keys[n:]
		}
	}
	s.flushRest()
	s.reclaim()
	return true
}

// postpone leaves a segment alone for a while: to try holds everybody up.
func (s *Store) postpone(seg *segment, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.tried = time.Now()
	if disk.IsFull(err) {
		seg.tried = seg.tried.Add(fullPause - movePause) // it may have room again soon
		return
	}
	seg.stuck++
}

// worthMoving: a quarter of the segment or less is needed; or half of the log
// is not; or a quarter of it, and new data is being refused.
func (s *Store) worthMoving(seg *segment) bool {
	var whole, live int64
	for _, other := range s.segments {
		whole += other.end
		live += other.live
	}
	dead := whole - live
	switch {
	case seg.live == 0 || len(s.segments) < 3 && !s.quiet():
		return false
	case seg.live <= seg.end/moversShare, len(s.segments) > 4 && dead > whole/2:
		return true
	default:
		return s.full && dead > whole/4 && dead > 2*s.set.SegmentBytes
	}
}

// moveSome moves the first keys, not too many at once, and tells how many. Each
// gets a record of its own, so that damage to one takes no other with it.
func (c *Client) moveSome(seg *segment, keys []string) (n int, err error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.store.moving = true
	defer func() { c.store.moving = false }()
	for size := 0; n < len(keys) && size <= movedAtOnce; n++ {
		moved, err := c.move(seg, keys[n])
		if err != nil {
			return n, err
		}
		size += moved
	}
	return n, nil
}

// move writes a key that stands in the segment anew, and tells how long it is.
func (c *Client) move(seg *segment, key string) (size int, err error) {
	e, ok := c.index.Get(key)
	if !ok || e.Place.Segment != seg.id {
		return 0, nil
	}
	op, bodies, err := c.again(key, e)
	if gone := (*DamageError)(nil); errors.As(err, &gone) {
		return 0, nil // it is in quarantine
	}
	if err != nil {
		return 0, err
	}
	_, err = c.store.put(c, []record.Op{op}, bodies, true)
	return len(key) + len(e.Small) + int(e.Place.Length), err
}

// again makes the operation that sets a key to what it is.
func (c *Client) again(key string, e index.Entry) (record.Op, [][]byte, error) {
	if e.Small != nil {
		return record.Op{Kind: record.SetSmall, Key: key, Small: e.Small}, nil, nil
	}
	l, err := c.store.lend(e.Place)
	if err != nil {
		return record.Op{}, nil, err
	}
	defer c.store.release(l.seg)
	body, damaged, err := l.stored(atOnce) // everybody waits for us
	switch {
	case err == nil:
		return record.Op{Kind: record.Set, Key: key, Value: e.Place.Value}, [][]byte{body}, nil
	case !damaged && l.seg.stuck < stuckMax:
		return record.Op{}, nil, err // the disk may yet give it back
	default:
		return record.Op{}, nil, c.setAside(key, l, err)
	}
}
