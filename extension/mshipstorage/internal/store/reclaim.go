package store

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
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
