package store

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// put writes a record of the client, what it owes first, and follows it in the
// index. A record that must be written may use the reserve; any other is
// refused where there is no room. After an error nothing has changed.
func (s *Store) put(c *Client, ops []record.Op, bodies [][]byte, must bool) (*record.Encoded, error) {
	owed := len(c.owed)
	r, err := record.Encode(record.Record{Client: c.name, Ops: c.withOwed(ops)}, bodies)
	if err != nil {
		return nil, err
	}
	if !must {
		if err := s.admit(int64(len(r.Bytes))); err != nil {
			return nil, err
		}
	}
	seg, err := s.place(r, must)
	if err != nil {
		return nil, s.refusal(err, must)
	}
	c.owed, c.lazy = nil, nil
	for i, op := range r.Ops {
		if i >= owed || op.Kind != record.Shift { // which was done when it was owed, and is not to be done twice
			c.index.Apply(seg.id, op)
		}
	}
	s.unflushed = append(s.unflushed, placed{client: c, record: r, in: seg})
	s.unflushedBytes += int64(len(r.Bytes))
	return r, nil
}

// place writes the record at the end of the log. If that fails, it tries once
// more in another file.
func (s *Store) place(r *record.Encoded, must bool) (*segment, error) {
	seg := s.active
	if seg == nil || seg.records > 0 && seg.end+int64(len(r.Bytes))+record.MarkSize > s.set.SegmentBytes {
		var err error
		if seg, err = s.begin(must); err != nil {
			return nil, err
		}
	}
	err := s.write(seg, r)
	if err == nil || disk.IsFull(err) && !must {
		return seg, err
	}
	s.set.Logger.Warn("cannot write to a segment; will use another", zap.String("file", s.dir.Path(seg.name)), zap.Error(err))
	if seg, err = s.beginInPlaceOf(seg, must); err != nil {
		return nil, err
	}
	return seg, s.write(seg, r)
}

// beginInPlaceOf begins a segment after a write to this one failed. All of the
// record may be there nevertheless, so its end is told: it must not count twice.
func (s *Store) beginInPlaceOf(seg *segment, must bool) (*segment, error) {
	if s.broken == nil {
		s.cut = record.Cut{Segment: seg.id, Offset: uint32(seg.end)}
		defer func() { s.cut = record.Cut{} }()
	}
	return s.begin(must)
}

// write puts the record, and the mark behind it, at the end of a segment.
func (s *Store) write(seg *segment, r *record.Encoded) error {
	r.Place(seg.id, seg.end, s.lsn+1)
	after := record.Mark{Segment: seg.id, Records: seg.records + 1, LSN: r.LSN, Offset: seg.end + int64(len(r.Bytes))}
	if _, err := seg.file.WriteAt(after.Append(r.Bytes), seg.end); err != nil {
		// A part of it may be there: it is no record, but it may be where the mark was.
		_, _ = seg.file.WriteAt(seg.mark().Append(nil), seg.end)
		// On a full disk it would keep the room that it took.
		_ = seg.file.Truncate(seg.size)
		return fmt.Errorf("cannot write %d bytes at %d of %s: %w", len(r.Bytes), seg.end, s.dir.Path(seg.name), err)
	}
	s.lsn++
	seg.end, seg.records, seg.last = after.Offset, after.Records, after.LSN
	s.resize(seg, max(seg.size, seg.end+record.MarkSize))
	seg.summary.Add(r.Record)
	return nil
}

// begin starts a new segment and makes it the active one.
func (s *Store) begin(must bool) (*segment, error) {
	seg := &segment{id: s.nextID, name: segmentName(s.nextID), summary: &record.Summary{}}
	seg.end, seg.flushedEnd = record.HeaderSize, record.HeaderSize
	err := s.newFile(seg, must)
	if err == nil {
		header := record.Header{Segment: seg.id, Cut: s.cut}.Append(nil)
		_, err = seg.file.WriteAt(seg.mark().Append(header), 0)
	}
	if err != nil {
		s.closeFile(seg)
		_ = s.dir.Remove(seg.name) // it holds nothing; at the next start it would be an empty segment
		return nil, fmt.Errorf("cannot begin segment %s: %w", s.dir.Path(seg.name), err)
	}
	seg.size = max(seg.size, record.HeaderSize+record.MarkSize)
	s.addSegment(seg)
	s.names++
	s.active, s.rotated = seg, time.Now()
	s.wakeUp()
	return seg, nil
}

// newFile takes a spare, but leaves the last one to what must not fail; what
// is moved forward has a reserve of its own, or a full disk could not be made less full.
func (s *Store) newFile(seg *segment, must bool) (err error) {
	if len(s.spares) > 1 {
		return s.takeSpare(seg, &s.spares)
	}
	if s.moving && len(s.movers) > 0 {
		if _, full := s.room(s.set.SegmentBytes / moversShare); full != nil {
			return s.takeSpare(seg, &s.movers)
		}
	}
	if must && len(s.spares) > 0 {
		return s.takeSpare(seg, &s.spares)
	}
	seg.file, err = s.dir.Create(seg.name)
	return err
}
