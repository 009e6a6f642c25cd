package store

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// sparesMax is how many files are kept to be written over: a write into blocks
// that the file has is several times quicker than one that makes it longer.
const sparesMax = 2

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

// makeReserve makes the first spare, and the one for moves, of blocks that the
// file system has given us: what must not fail for want of space is written over them.
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
