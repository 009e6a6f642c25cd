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

// unflushedMax bounds what is kept in memory until the next flush, in bytes.
const unflushedMax = 16 << 20

// flush returns when the record with this LSN is durable. Those who come while
// another flush is under way share the next one.
func (s *Store) flush(lsn uint64) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flushed >= lsn {
		return nil
	}
	if s.broken != nil {
		return s.mend(s.broken)
	}
	w := s.dirty()
	s.mu.Unlock()
	err := w.sync(s)
	s.mu.Lock()
	for _, seg := range w.segments {
		s.release(seg)
	}
	if err != nil {
		return s.mend(err)
	}
	s.durable(w)
	return nil
}

// work is what a flush has to do.
type work struct {
	segments []*segment
	files    []disk.File
	ends     []int64
	// lsn of the last record, and how many names were made in the directory.
	lsn, names uint64
}

// dirty is all that is not durable. The files stay open until they are released.
func (s *Store) dirty() work {
	w := work{lsn: s.lsn, names: s.names}
	for _, seg := range s.segments {
		if seg.last <= s.flushed || seg.records == 0 {
			continue
		}
		// A segment that has unflushed records was never closed.
		seg.users++
		w.segments, w.files, w.ends = append(w.segments, seg), append(w.files, seg.file), append(w.ends, seg.end)
	}
	return w
}

// sync flushes the segments in their order, so that no record is durable before an earlier one.
func (w work) sync(s *Store) error {
	for _, f := range w.files {
		if err := s.flushFile(f); err != nil {
			return err
		}
	}
	if w.names == s.durableNames {
		return nil
	}
	return s.flushNames(s.dir)
}

// flushFile and flushNames make a file, and what was done with names in a
// directory, durable. All flushes are counted.
func (s *Store) flushFile(f disk.File) error { return s.counted(f.Sync) }

func (s *Store) flushNames(d disk.Dir) error { return s.counted(d.Sync) }

func (s *Store) counted(flush func() error) error {
	begun := time.Now()
	if err := flush(); err != nil {
		return err
	}
	if s.set.Watch.Flushed != nil {
		s.set.Watch.Flushed(time.Since(begun))
	}
	return nil
}

// durable notes that the work is done.
func (s *Store) durable(w work) {
	s.flushed = max(s.flushed, w.lsn)
	for i, seg := range w.segments {
		seg.flushedEnd = w.ends[i]
	}
	s.durableNames = w.names
	n := 0
	for n < len(s.unflushed) && s.unflushed[n].record.LSN <= w.lsn {
		s.unflushedBytes -= int64(len(s.unflushed[n].record.Bytes))
		n++
	}
	s.unflushed = slices.Delete(s.unflushed, 0, n)
	s.wakeUp()
}

// mend writes the unflushed records anew after a flush that failed: what it
// was to make durable may be gone, whatever a read or a second flush says
// (the kernel drops such pages and forgets the error). The header of the new
// segment says where the log before it ends. What cannot be mended now is
// mended by the next flush.
func (s *Store) mend(cause error) error {
	s.set.Logger.Error("a flush failed; what it held is written anew elsewhere", zap.Error(cause))
	s.broken, s.active = cause, nil
	s.distrust()
	if _, err := s.begin(true); err != nil {
		return errors.Join(cause, err)
	}
	for i := range s.unflushed {
		if err := s.rewrite(&s.unflushed[i]); err != nil {
			return errors.Join(cause, err)
		}
	}
	anew := s.active
	w := work{segments: []*segment{anew}, files: []disk.File{anew.file}, ends: []int64{anew.end}, lsn: s.lsn, names: s.names}
	if err := w.sync(s); err != nil {
		return errors.Join(cause, err)
	}
	s.durable(w)
	s.broken, s.cut = nil, record.Cut{}
	return nil
}

// distrust what the flush that failed was about.
func (s *Store) distrust() {
	for _, seg := range s.segments {
		if seg.last <= s.flushed || seg.records == 0 {
			continue
		}
		if s.cut.Segment == 0 {
			s.cut = record.Cut{Segment: seg.id, Offset: uint32(seg.flushedEnd)}
		}
		seg.summary = nil
	}
}

// rewrite puts a record into the active segment, and tells the index.
func (s *Store) rewrite(p *placed) error {
	old, before := p.in.id, slices.Clone(p.record.Ops)
	if err := s.write(s.active, p.record); err != nil {
		p.record.Ops = before // it is still where it was
		return err
	}
	p.in = s.active
	for i, op := range before {
		e, ok := p.client.index.Get(op.Key)
		if !ok || op.Kind == record.Shift || e.Place.Segment != old || e.Place.Offset != op.Value.Offset {
			continue
		}
		e.Place = index.Place{Segment: s.active.id, Value: p.record.Ops[i].Value}
		p.client.index.Put(op.Key, e)
	}
	return nil
}
