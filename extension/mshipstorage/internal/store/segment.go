package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// The names in the directory: a segment, its summary, a file to be written over.
const (
	segmentSuffix = ".seg"
	summarySuffix = ".idx"
	spareSuffix   = ".free"
	// asideSuffix is what a file gets that claims to be a segment and cannot be.
	asideSuffix = ".bad"
	reserveName = "reserve" + spareSuffix
	moverName   = "forward" + spareSuffix
)

// moversShare of a segment, 1/n, is what is left in one that is worth moving.
const moversShare = 4

// readingMax bounds how many files are open for reading alone.
const readingMax = 64

// segment is a file of the log. The store's lock guards it.
type segment struct {
	id   uint32
	name string
	// file is nil while it is closed.
	file disk.File
	// users are reads and flushes under way: the file must stay open.
	users int
	// size of the file; end, where the next record or the mark stands; and the
	// end at the last flush: bytes.
	size, end, flushedEnd int64
	summarySize           int64
	records               uint32
	// last is the LSN of the last record.
	last uint64
	// live is how many bytes are still needed; emptied the LSN at which that became 0.
	live    int64
	emptied uint64
	// stuck is how often what is left here could not be moved, tried when that was last.
	stuck int
	tried time.Time
	// summary is nil once it is written, and where the segment is not trusted.
	summary *record.Summary
}

type spare struct {
	name string
	size int64
}

func segmentName(id uint32) string { return fmt.Sprintf("%010d%s", id, segmentSuffix) }
func summaryName(id uint32) string { return fmt.Sprintf("%010d%s", id, summarySuffix) }
func spareName(id uint32) string   { return fmt.Sprintf("%010d%s", id, spareSuffix) }

// idDigits is how many digits an id has in a name.
const idDigits = 10

// idEnd is beyond all ids. A file with a greater number is not ours.
const idEnd = 1 << 31

// idOf reads the id from a name with this suffix.
func idOf(name, suffix string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != idDigits {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	return uint32(id), err == nil && id > 0 && id < idEnd
}

func (seg *segment) mark() record.Mark {
	return record.Mark{Segment: seg.id, Records: seg.records, LSN: seg.last, Offset: seg.end}
}

func (s *Store) addSegment(seg *segment) {
	s.segments = append(s.segments, seg)
	s.byID[seg.id] = seg
	s.used += seg.size
	s.nextID = max(s.nextID, seg.id+1)
}

func (s *Store) dropSegment(seg *segment) {
	s.segments = slices.DeleteFunc(s.segments, func(other *segment) bool { return other == seg })
	delete(s.byID, seg.id)
	s.used -= seg.size + seg.summarySize
}

func (s *Store) resize(seg *segment, size int64) {
	s.used += size - seg.size
	seg.size = size
}

// use opens a segment's file and keeps it open until release.
func (s *Store) use(seg *segment) (disk.File, error) {
	if seg.file == nil {
		f, err := s.dir.Open(seg.name)
		if err != nil {
			return nil, err
		}
		seg.file = f
		s.reading = append(s.reading, seg)
	}
	seg.users++
	return seg.file, nil
}

func (s *Store) release(seg *segment) {
	seg.users--
	for i := 0; i < len(s.reading) && len(s.reading) > readingMax; {
		if s.reading[i].users > 0 {
			i++
			continue
		}
		s.closeFile(s.reading[i])
	}
}

func (s *Store) closeFile(seg *segment) {
	if seg.file != nil {
		_ = seg.file.Close() // what counts was flushed, and its error seen
		seg.file = nil
	}
	s.reading = slices.DeleteFunc(s.reading, func(other *segment) bool { return other == seg })
}
