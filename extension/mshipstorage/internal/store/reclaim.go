package store

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// sparesMax is how many files are kept to be written over: a write into blocks
// that the file has is several times quicker than one that makes it longer.
const sparesMax = 2

// movedAtOnce bounds how much is moved forward while others wait, in bytes.
const movedAtOnce = 1 << 20

// What cannot be moved forward is tried again after movePause. What cannot be
// read then is given up after stuckMax of them: it would keep the disk full.
const (
	movePause = time.Minute
	fullPause = time.Second
	stuckMax  = 3
)

// tend does what nobody waits for: it flushes what is left, and gives back room.
func (s *Store) tend() {
	tick := time.NewTicker(s.set.FlushInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			s.flushRest()
			s.trim()
		case <-s.wake:
		}
		s.sealAll()
		s.reclaim()
		if s.moveForward() {
			s.wakeUp()
		}
	}
}

func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// flushRest writes and flushes what is lazy.
func (s *Store) flushRest() {
	s.mu.Lock()
	_ = s.payAll() // or the next time
	lsn := s.lsn
	s.mu.Unlock()
	if err := s.flush(lsn); err != nil {
		s.set.Logger.Error("cannot flush; will try again", zap.Error(err))
	}
}

// sealAll writes the summaries of the segments that are full and flushed.
func (s *Store) sealAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		if seg == s.active || seg.summary == nil || seg.last > s.flushed {
			continue
		}
		if err := s.summarise(seg); err != nil {
			s.set.Logger.Debug("cannot write a segment's summary: the next start reads the segment", zap.Error(err))
			seg.summary = nil
		}
		if seg.file != nil && !slices.Contains(s.reading, seg) {
			s.reading = append(s.reading, seg)
		}
	}
}

// summarise writes a segment's summary. It needs no flush: a torn one does not count.
func (s *Store) summarise(seg *segment) error {
	b := seg.summary.Encode(seg.mark())
	f, err := s.dir.Create(summaryName(seg.id))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, s.dir.Remove(summaryName(seg.id)))
	}
	seg.summary = nil
	seg.summarySize = int64(len(b))
	s.used += seg.summarySize
	return nil
}

// reclaim frees the oldest segments that hold nothing any more, in order: a
// delete in a later one is needed as long as what it deletes may be read again.
func (s *Store) reclaim() {
	for {
		s.mu.Lock()
		seg := s.oldest()
		free := seg != nil && seg.live == 0 && seg.users == 0 && seg.emptied <= s.flushed
		s.mu.Unlock()
		if !free {
			return
		}
		if err := s.free(seg); err != nil {
			s.set.Logger.Warn("cannot free a segment; will try again", zap.String("file", s.dir.Path(seg.name)), zap.Error(err))
			return
		}
	}
}

// oldest is the first segment that takes no more records.
func (s *Store) oldest() *segment {
	if len(s.segments) == 0 || s.unsure || s.segments[0] == s.active || s.segments[0].last > s.flushed {
		return nil
	}
	return s.segments[0]
}

// free makes a spare of a segment, or removes it. Nobody else uses it: it
// holds nothing. Its header is wiped first, so that a file that gets a new
// name and no new header is never taken for what it was.
func (s *Store) free(seg *segment) error {
	wanted, err := s.wipe(seg)
	if err != nil || !wanted {
		err = s.remove(seg.name)
		wanted = false
	} else {
		err = s.dir.Rename(seg.name, spareName(seg.id))
	}
	if err == nil {
		err = errors.Join(s.flushNames(s.dir), s.remove(summaryName(seg.id)))
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropSegment(seg)
	if wanted {
		s.addSpare(spare{spareName(seg.id), seg.size})
	}
	return nil
}

// wipe makes a segment's header zeros, if there is use for its file, and closes it.
func (s *Store) wipe(seg *segment) (wanted bool, err error) {
	s.mu.Lock()
	wanted = s.wantSpare(seg.size)
	file, err := s.use(seg)
	s.mu.Unlock()
	if err == nil && wanted {
		if _, err = file.WriteAt(make([]byte, record.HeaderSize), 0); err == nil {
			err = s.flushFile(file)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if file != nil {
		seg.users--
		s.closeFile(seg)
	}
	return wanted, err
}

func (s *Store) remove(name string) error {
	if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// wantSpare: there is use for another one, of this size.
func (s *Store) wantSpare(size int64) bool {
	return len(s.spares) < sparesMax && size >= s.set.SegmentBytes/2 && size <= 2*s.set.SegmentBytes
}

func (s *Store) addSpare(sp spare) {
	s.spares = append(s.spares, sp)
	s.used += sp.size
}

// takeSpare makes the file of a new segment of the last spare.
func (s *Store) takeSpare(seg *segment, of *[]spare) error {
	last := len(*of) - 1
	sp := (*of)[last]
	*of = (*of)[:last]
	s.used -= sp.size
	err := s.dir.Rename(sp.name, seg.name)
	if err == nil {
		seg.size = sp.size
		seg.file, err = s.dir.Open(seg.name)
	}
	return err
}

// makeReserve makes the first spare, of blocks that the file system has given
// us: what must not fail for want of space is written over them.
func (s *Store) makeReserve() {
	if len(s.spares) == 0 {
		s.makeSpare(&s.spares, reserveName, s.set.SegmentBytes)
	}
	if len(s.movers) == 0 {
		s.makeSpare(&s.movers, moverName, s.set.SegmentBytes/moversShare)
	}
}

func (s *Store) makeSpare(of *[]spare, name string, size int64) {
	if _, err := s.room(size); err != nil {
		return
	}
	f, err := s.dir.Create(name)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.set.Logger.Warn("cannot make a reserve for a full disk", zap.Error(errors.Join(err, s.remove(name))))
		return
	}
	*of = append(*of, spare{name, size})
	s.used += size
}

// trim gives back what a quiet store does not need: all but one spare.
func (s *Store) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeReserve()
	if len(s.spares) < 2 || len(s.segments) > 1 || !s.quiet() {
		return
	}
	sp := s.spares[0]
	if err := s.remove(sp.name); err == nil {
		s.spares = s.spares[1:]
		s.used -= sp.size
	}
}

// quiet: no segment was begun lately.
func (s *Store) quiet() bool { return time.Since(s.rotated) >= 2*s.set.FlushInterval }

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
