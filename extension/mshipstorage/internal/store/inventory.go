package store

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// found is a segment's file at the start.
type found struct {
	disk.Entry
	segment record.Header
	// err is why the header tells nothing.
	err error
}

// inspect reads the headers of all segments.
func (s *Store) inspect(entries []disk.Entry) ([]found, error) {
	var files []found
	for _, e := range entries {
		id, ok := idOf(e.Name, segmentSuffix)
		if !ok {
			continue
		}
		f, err := s.header(e)
		if errors.Is(err, record.ErrNewer) {
			return nil, fmt.Errorf("%s: %w; install that release, or move the directory away: nothing in it was changed", s.dir.Path(e.Name), err)
		}
		if f.err = err; err != nil {
			f.segment = record.Header{Segment: id}
		}
		files = append(files, f)
	}
	return files, nil
}

func (s *Store) header(e disk.Entry) (found, error) {
	f, err := s.dir.Open(e.Name)
	if err != nil {
		return found{Entry: e}, err
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	b := make([]byte, record.HeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return found{Entry: e}, err
	}
	if strings.Trim(string(b), "\x00") == "" {
		return found{Entry: e}, errNoHeader
	}
	h, err := record.ParseHeader(b)
	return found{Entry: e, segment: h}, err
}

// errNoHeader: the file was begun, and its header never reached the disk.
var errNoHeader = errors.New("no header")

// inOrder sorts the segments by the ids that they say they have, and reports what is missing.
func (s *Store) inOrder(files []found) []found {
	slices.SortStableFunc(files, func(a, b found) int { return int(a.segment.Segment) - int(b.segment.Segment) })
	var out []found
	for _, f := range files {
		id := f.segment.Segment
		last := len(out) - 1
		switch {
		case last >= 0 && out[last].segment.Segment == id:
			other := out[last]
			if f.Name == segmentName(id) {
				out[last], f = f, other
			}
			s.moveAside(f.Name)
			continue
		case last >= 0 && out[last].segment.Segment+1 != id:
			s.missing(out[last].segment.Segment+1, id-1)
		}
		if f.Name != segmentName(id) {
			s.set.Logger.Error("a segment stands under another's name; it is read as what it says it is", zap.String("file", s.dir.Path(f.Name)), zap.Uint32("segment", id))
		}
		out = append(out, f)
	}
	s.giveNames(out)
	return out
}

// missing reports segments that are not there, once: a note of it is left in quarantine.
func (s *Store) missing(from, to uint32) {
	name := fmt.Sprintf("%010d-%010d.missing", from, to)
	if s.known[name] {
		return
	}
	s.set.Logger.Error("segments are missing: what they held is lost", zap.String("directory", s.dir.Path("")),
		zap.Uint32("from", from), zap.Uint32("to", to), zap.Error(s.note(name)))
}

// giveNames renames the segments that stand under another's name, where their
// own is free: a new segment may get the name that they stand under.
func (s *Store) giveNames(files []found) {
	taken := map[string]bool{}
	for _, f := range files {
		taken[f.Name] = true
	}
	for again := true; again; {
		again = false
		for i, f := range files {
			own := segmentName(f.segment.Segment)
			if taken[own] || s.dir.Rename(f.Name, own) != nil {
				continue
			}
			delete(taken, f.Name)
			taken[own], again = true, true
			files[i].Name = own
		}
	}
}

func (s *Store) moveAside(name string) {
	err := s.dir.Rename(name, name+asideSuffix)
	s.set.Logger.Error("two files are the same segment; one is put aside", zap.String("file", s.dir.Path(name)), zap.String("as", name+asideSuffix), zap.Error(err))
}

// tidy takes up the spares, and tells of what is not ours.
func (s *Store) tidy(entries []disk.Entry) {
	segments := map[uint32]bool{}
	for _, e := range entries {
		id, ok := idOf(e.Name, segmentSuffix)
		segments[id] = segments[id] || ok
	}
	for _, e := range entries {
		id, isSummary := idOf(e.Name, summarySuffix)
		switch {
		case e.Name == moverName:
			s.movers = append(s.movers, spare{e.Name, e.Size})
			s.used += e.Size
		case isSummary && !segments[id], strings.HasSuffix(e.Name, spareSuffix) && !s.wantSpare(e.Size):
			if err := s.dir.Remove(e.Name); err != nil {
				s.used += e.Size
			}
		case isSummary, strings.HasSuffix(e.Name, segmentSuffix), e.Name == disk.LockName:
		case strings.HasSuffix(e.Name, spareSuffix):
			s.addSpare(spare{e.Name, e.Size})
		default:
			s.used += e.Size
			s.set.Logger.Warn("a file in the store's directory is not the store's; it is left alone", zap.String("file", s.dir.Path(e.Name)))
		}
	}
}

// skipNumbers sees to it that the numbers of segments that are all gone are not
// used again: spares hold their records, and quarantine goes by them. Where a
// segment is left, its number is greater than theirs.
func (s *Store) skipNumbers(entries []disk.Entry) {
	names := slices.Collect(maps.Keys(s.known))
	for _, e := range entries {
		names = append(names, e.Name)
	}
	for _, name := range names {
		if id, ok := idOf(name[:min(idDigits, len(name))], ""); ok {
			s.nextID = max(s.nextID, id+1)
		}
	}
}

// cuts say where earlier segments end, each with the segment that says so.
type cuts []record.Header

func cutsOf(files []found) (out cuts) {
	for _, f := range files {
		if f.err == nil && f.segment.Cut.Segment != 0 {
			out = append(out, f.segment)
		}
	}
	return out
}

// before is where that segment ends: behind that nothing of it counts.
func (c cuts) before(segment uint32) int64 {
	limit := int64(math.MaxInt64)
	for _, h := range c {
		switch {
		case segment >= h.Segment || segment < h.Cut.Segment:
		case segment == h.Cut.Segment:
			limit = min(limit, int64(h.Cut.Offset))
		default:
			limit = 0
		}
	}
	return limit
}
