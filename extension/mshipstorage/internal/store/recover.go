package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

var background = context.Background()

// recover reads the directory: what a newer release wrote first, so that
// nothing is changed then; then segment after segment.
func (s *Store) recover() error {
	entries, err := s.dir.List()
	if err != nil {
		return err
	}
	files, err := s.inspect(entries)
	if err != nil {
		return err
	}
	if err := s.openQuarantine(); err != nil {
		// Without it the store works; damage is then only reported.
		s.set.Logger.Error("cannot open the quarantine", zap.Error(err))
	}
	s.tidy(entries)
	cuts := cutsOf(files)
	for _, f := range s.inOrder(files) {
		s.replay(f, cuts.before(f.segment.Segment))
	}
	if len(files) > 0 {
		s.anchored("", s.flushNames(s.dir))
	} else {
		s.skipNumbers(entries)
	}
	s.flushed = s.lsn
	s.makeReserve()
	return nil
}

// replay reads a segment: its summary where that fits, else all of it.
func (s *Store) replay(f found, limit int64) {
	seg := &segment{id: f.segment.Segment, name: f.Name, size: f.Size}
	s.addSegment(seg)
	file, err := s.use(seg)
	if err != nil {
		s.set.Logger.Error("cannot open a segment: what it holds is left out until a start that can", zap.Error(err))
		s.dropSegment(seg)
		return
	}
	defer s.release(seg)
	summary, promised := s.summaryOf(seg)
	if f.err == nil && limit == math.MaxInt64 && s.replaySummary(seg, file, summary, promised) {
		return
	}
	data := make([]byte, min(f.Size, limit))
	if n, err := file.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		s.set.Logger.Error("cannot read all of a segment", zap.String("file", s.dir.Path(seg.name)), zap.Error(err))
		data = salvage(file, record.Range{To: int64(len(data))})
	} else {
		data = data[:n]
	}
	s.scan(seg, file, data, f.err)
	if limit == math.MaxInt64 && promised.LSN > seg.last {
		s.set.Logger.Error("the end of a segment is missing: what it held is lost", zap.String("file", s.dir.Path(seg.name)),
			zap.Int64("offset", seg.end), zap.Int64("length", promised.Offset-seg.end))
	}
}

// summaryOf reads the summary of a segment, if there is one, and the end that
// the segment must have for it to count.
func (s *Store) summaryOf(seg *segment) (b []byte, end record.Mark) {
	b, err := s.readAll(summaryName(seg.id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, record.Mark{}
	}
	if err == nil {
		end, err = record.ParseSummary(b)
	}
	if err == nil && end.Segment != seg.id {
		err = fmt.Errorf("it is of segment %d", end.Segment)
	}
	if err != nil {
		s.set.Logger.Warn("cannot use a summary: its segment is read instead", zap.String("file", s.dir.Path(summaryName(seg.id))), zap.Error(err))
		return nil, record.Mark{}
	}
	return b, end
}

// replaySummary takes the summary for the segment, if it fits.
func (s *Store) replaySummary(seg *segment, file disk.File, b []byte, end record.Mark) bool {
	if b == nil {
		return false
	}
	mark := make([]byte, record.MarkSize)
	_, err := file.ReadAt(mark, end.Offset)
	if there, ok := record.ParseMark(mark); err != nil || !ok || there != end {
		s.set.Logger.Warn("a summary does not fit its segment, which is read instead", zap.String("file", s.dir.Path(summaryName(seg.id))), zap.Error(err))
		return false
	}
	s.lsn = max(s.lsn, end.LSN)
	record.WalkSummary(b, func(name string, op record.Op) { s.client(name).index.Apply(seg.id, op) })
	s.ended(seg, end)
	seg.summarySize = int64(len(b))
	s.used += seg.summarySize
	return true
}

func (s *Store) readAll(name string) ([]byte, error) {
	f, err := s.dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

func (s *Store) ended(seg *segment, end record.Mark) {
	seg.end, seg.flushedEnd, seg.records, seg.last = end.Offset, end.Offset, end.Records, end.LSN
}

// scan reads all of a segment, and closes it for good: nothing is ever
// appended to the segment of an earlier run.
func (s *Store) scan(seg *segment, file disk.File, data []byte, header error) {
	seg.summary = &record.Summary{}
	f := record.Scan(data, seg.id, func(r record.Record) {
		s.lsn = max(s.lsn, r.LSN)
		seg.summary.Add(r)
		c := s.client(r.Client)
		for _, op := range r.Ops {
			c.index.Apply(seg.id, op)
		}
	})
	s.ended(seg, record.Mark{Offset: f.End, Records: f.Records, LSN: f.LSN})
	s.anchor(seg, file, data, f)
	if errors.Is(header, errNoHeader) && f.Records == 0 {
		f.Torn = record.Range{} // a file to be written over, and the bytes of its earlier life
	}
	if header != nil && !errors.Is(header, errNoHeader) {
		f.Damaged = append(f.Damaged, record.Range{To: min(record.HeaderSize, int64(len(data)))})
	}
	whole := true
	for _, r := range f.Damaged {
		whole = s.damagedRange(seg, file, r, "records") == nil && whole
	}
	if f.Torn.Len() > 0 {
		whole = s.damagedRange(seg, file, f.Torn, "the end of a segment, torn or damaged") == nil && whole
	}
	if whole {
		s.closeOff(seg, file, header != nil)
	}
}

// anchor makes what was read durable: it may be in memory only, left there by
// a flush that failed before the process was killed, and then no other flush
// takes it along. Until that is done nothing older may be given up for it.
func (s *Store) anchor(seg *segment, file disk.File, data []byte, f record.Findings) {
	at := int64(record.HeaderSize)
	var err error
	for _, gap := range append(slices.Clone(f.Damaged), record.Range{From: f.End}) {
		if err == nil && gap.From > at {
			_, err = file.WriteAt(data[at:gap.From], at)
		}
		at = gap.To
	}
	if err == nil && f.Records > 0 {
		err = s.flushFile(file)
	}
	s.anchored(seg.name, err)
}

func (s *Store) anchored(name string, err error) {
	if err != nil {
		s.unsure = true
		s.set.Logger.Error("cannot flush what was found of an earlier run: until the next start no room is given back",
			zap.String("file", s.dir.Path(name)), zap.Error(err))
	}
}

// closeOff cuts the file behind its last record. It is only tidiness, and needs
// no flush: if it fails, or is lost, the next start does it.
func (s *Store) closeOff(seg *segment, file disk.File, headless bool) {
	var err error
	if headless {
		_, err = file.WriteAt(record.Header{Segment: seg.id}.Append(nil), 0)
	}
	if err == nil {
		_, err = file.WriteAt(seg.mark().Append(nil), seg.end)
	}
	if err == nil {
		err = file.Truncate(seg.end + record.MarkSize)
	}
	if err == nil {
		s.resize(seg, seg.end+record.MarkSize)
		err = s.summarise(seg)
	}
	if err != nil {
		s.set.Logger.Warn("cannot close off a segment of an earlier run", zap.String("file", s.dir.Path(seg.name)), zap.Error(err))
	}
}
