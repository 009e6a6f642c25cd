package store_test

import (
	"bytes"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// wreck is a healthy directory while a case breaks it, and what must come of it.
type wreck struct {
	t        *testing.T
	m        *disktest.Memory
	closed   bool
	segments []string

	// lost are items whose own bytes are gone.
	lost []int
	// again are items that were done, and of which nothing on the disk says so any more.
	again []int
	// lostKeys are lost keys of the plain client.
	lostKeys []string
	// reports is how many pieces of damage are reported, sooner or later.
	reports int
	// errors are what else is logged as an error at the first start, and stale of them at every start.
	errors, stale []string
}

func (w *wreck) newest() string { return w.segments[len(w.segments)-1] }

// scanned tells whether a segment is read as a whole at the start.
func (w *wreck) scanned(file string) bool { return w.m.Bytes(summaryOf(file)) == nil }

func summaryOf(file string) string { return strings.TrimSuffix(file, ".seg") + ".idx" }

// change writes over a part of a file.
func (w *wreck) change(file string, r record.Range, with func(b []byte)) {
	data := w.m.Bytes(file)
	with(data[r.From:r.To])
	w.m.Put(file, data)
}

func flip(b []byte) {
	for i := range b {
		b[i] ^= 0xA5
	}
}

// hurt damages a range, and notes what that costs: of a segment that is
// scanned all records that it touches, else the values.
func (w *wreck) hurt(file string, r record.Range, with func(b []byte)) {
	for _, p := range piecesOf(w.t, w.m, file) {
		for n, at := range p.items {
			if w.scanned(file) {
				at = record.Range{From: p.at, To: p.end}
			}
			if at.From < r.To && r.From < at.To && slices.Contains(healthyLeft(), n) {
				w.lost = append(w.lost, n)
			}
		}
	}
	w.change(file, r, with)
}

// cut shortens a file, and notes what that costs.
func (w *wreck) cut(file string, by int64) {
	data := w.m.Bytes(file)
	to := int64(len(data)) - by
	for _, p := range piecesOf(w.t, w.m, file) {
		if p.end > to {
			w.lost = append(w.lost, slices.Collect(maps.Keys(p.items))...)
		}
	}
	w.m.Put(file, data[:to])
}

// middle is the item in the middle of a segment.
func (w *wreck) middle(file string) (p piece, value record.Range) {
	ps := slices.DeleteFunc(piecesOf(w.t, w.m, file), func(p piece) bool { return len(p.items) == 0 })
	p = ps[len(ps)/2]
	for _, r := range p.items {
		value = r
	}
	return p, value
}

// last is the last item of a segment.
func (w *wreck) last(file string) (p piece, value record.Range) {
	ps := slices.DeleteFunc(piecesOf(w.t, w.m, file), func(p piece) bool { return len(p.items) == 0 })
	p = ps[len(ps)-1]
	for _, r := range p.items {
		value = r
	}
	return p, value
}

func (w *wreck) itemsOf(file string) (items []int) {
	for _, p := range piecesOf(w.t, w.m, file) {
		for n := range p.items {
			if slices.Contains(healthyLeft(), n) {
				items = append(items, n)
			}
		}
	}
	return items
}

func randomBytes(n int) []byte { return bytes.Repeat(payload(4242), n/payloadBytes+1)[:n] }

type damageCase struct {
	name string
	do   func(w *wreck)
}

var headerOnly = record.Range{To: record.HeaderSize}

func damageCases() []damageCase {
	return slices.Concat(cutCases(), flipCases(), fileCases(), recycledCases(), summaryCases(), metadataCases())
}

const endMissing = "the end of a segment is missing: what it held is lost"

func cutCases() []damageCase {
	return []damageCase{
		{"healthy", func(*wreck) {}},
		{"1 B is cut off the newest segment", func(w *wreck) {
			w.cut(w.newest(), 1)
			w.reports = 1 // a mark without its last byte
		}},
		{"1 B is cut off the last record", func(w *wreck) {
			w.again = []int{9}
			w.cut(w.newest(), record.MarkSize+1)
			w.reports = 1
			w.endIsMissing()
		}},
		{"64 KiB are cut off the newest segment", func(w *wreck) {
			w.again = []int{0, 1, 3, 4, 6, 8, 9}
			w.cut(w.newest(), 64<<10)
			w.reports = 1
			w.endIsMissing()
		}},
		{"64 KiB are cut off a sealed segment", func(w *wreck) {
			w.cut(w.segments[1], 64<<10)
			w.reports = 1
			w.errors = append(w.errors, endMissing)
		}},
	}
}

// endIsMissing: a summary knows more of the segment than is there.
func (w *wreck) endIsMissing() {
	if w.closed {
		w.errors = append(w.errors, endMissing)
	}
}

func flipCases() []damageCase {
	return []damageCase{
		{"the header of a segment is flipped", func(w *wreck) {
			w.change(w.segments[1], headerOnly, flip)
			w.reports = 1
		}},
		{"the header of the newest segment is flipped", func(w *wreck) {
			w.change(w.newest(), headerOnly, flip)
			w.reports = 1
		}},
		{"the header of a record is flipped in the newest segment", func(w *wreck) {
			p, _ := w.middle(w.newest())
			if w.scanned(w.newest()) {
				w.reports = 1
			}
			w.hurt(w.newest(), record.Range{From: p.at, To: p.at + 16}, flip)
		}},
		{"the header of a record is flipped in a sealed segment without its summary", func(w *wreck) {
			require.NoError(w.t, w.m.Remove(summaryOf(w.segments[1])))
			p, _ := w.middle(w.segments[1])
			w.hurt(w.segments[1], record.Range{From: p.at, To: p.at + 16}, flip)
			w.reports = 1
		}},
		{"a value is flipped in the newest segment", func(w *wreck) {
			_, v := w.middle(w.newest())
			w.hurt(w.newest(), record.Range{From: v.From + 100, To: v.From + 101}, flip)
			w.reports = 1
		}},
		{"a value is flipped in a sealed segment", func(w *wreck) {
			_, v := w.middle(w.segments[1])
			w.hurt(w.segments[1], record.Range{From: v.To - 1, To: v.To}, flip)
			w.reports = 1
		}},
		{"the last value is flipped, and the mark behind it", func(w *wreck) {
			ps := piecesOf(w.t, w.m, w.segments[0])
			if !w.scanned(w.segments[0]) {
				require.NoError(w.t, w.m.Remove(summaryOf(w.segments[0])))
			}
			last := ps[len(ps)-1]
			w.hurt(w.segments[0], record.Range{From: last.end - 1, To: last.end + record.MarkSize}, flip)
			w.reports = 1
		}},
		{"a page of 4 KiB is zero in the middle of the newest segment", func(w *wreck) {
			_, v := w.middle(w.newest())
			page := v.From / 4096 * 4096
			w.hurt(w.newest(), record.Range{From: page, To: page + 4096}, func(b []byte) { clear(b) })
			w.reports = 1
			if !w.scanned(w.newest()) {
				w.reports = len(w.lost)
			}
		}},
		{"a page of 4 KiB is zero in the middle of a sealed segment", func(w *wreck) {
			_, v := w.middle(w.segments[2])
			page := v.From / 4096 * 4096
			w.hurt(w.segments[2], record.Range{From: page, To: page + 4096}, func(b []byte) { clear(b) })
			w.reports = len(w.lost)
		}},
		{"the first page of 4 KiB of a segment is zero", func(w *wreck) {
			require.NoError(w.t, w.m.Remove(summaryOf(w.segments[1])))
			w.hurt(w.segments[1], record.Range{To: 4096}, func(b []byte) { clear(b) })
			w.reports = 1
		}},
		{"every segment lost a value", func(w *wreck) {
			for _, file := range w.segments {
				_, v := w.last(file)
				w.hurt(file, record.Range{From: v.From, To: v.To}, flip)
				w.reports++
			}
		}},
	}
}

func fileCases() []damageCase {
	const (
		missing = "segments are missing: what they held is lost"
		twice   = "two files are the same segment; one is put aside"
		named   = "a segment stands under another's name; it is read as what it says it is"
	)
	return []damageCase{
		{"a segment is missing", func(w *wreck) {
			w.lost = w.itemsOf(w.segments[1])
			require.NoError(w.t, w.m.Remove(w.segments[1]))
			w.errors = []string{missing}
		}},
		{"the oldest segment is missing", func(w *wreck) {
			w.lost = w.itemsOf(w.segments[0])
			w.lostKeys = slices.Collect(maps.Keys(plainData()))
			require.NoError(w.t, w.m.Remove(w.segments[0]))
		}},
		{"two segments have each other's names", func(w *wreck) {
			a, b := w.m.Bytes(w.segments[1]), w.m.Bytes(w.segments[2])
			w.m.Put(w.segments[1], b)
			w.m.Put(w.segments[2], a)
			w.errors = []string{named, named}
			w.stale = w.errors
		}},
		{"a segment stands under a free name", func(w *wreck) {
			require.NoError(w.t, w.m.Rename(w.segments[1], "0000000007.seg"))
			w.errors = []string{named}
		}},
		{"a segment is there twice", func(w *wreck) {
			w.m.Put("0000000009.seg", w.m.Bytes(w.segments[1]))
			w.errors = []string{twice}
		}},
		{"a segment was copied over another", func(w *wreck) {
			w.lost = w.itemsOf(w.segments[2])
			w.m.Put(w.segments[2], w.m.Bytes(w.segments[1]))
			w.errors = []string{twice, missing}
		}},
		{"foreign files", func(w *wreck) {
			for _, name := range foreign {
				w.m.Put(name, randomBytes(10_000))
			}
		}},
		{"an empty file is the newest segment", func(w *wreck) {
			w.m.Put("0000000005.seg", nil)
		}},
		{"a sealed segment is empty", func(w *wreck) {
			w.lost = w.itemsOf(w.segments[1])
			w.m.Put(w.segments[1], nil)
			w.errors = []string{endMissing}
		}},
		{"10 random bytes are the newest segment", func(w *wreck) {
			w.m.Put("0000000005.seg", randomBytes(10))
			w.reports = 1
		}},
		{"random bytes have the name of a segment far away", func(w *wreck) {
			w.m.Put("0000100000.seg", randomBytes(10))
			w.reports = 1
			w.errors = []string{missing}
		}},
		{"everything is random", func(w *wreck) {
			for i, name := range w.m.Names() {
				w.m.Put(name, randomBytes(20_000+i))
			}
			w.lost, w.lostKeys = healthyLeft(), slices.Collect(maps.Keys(plainData()))
			w.reports = 2 * len(w.segments) // the header, and what follows
		}},
	}
}

var foreign = []string{"notes.txt", ".hidden", "0000000001.seg.bak", "12.seg", "0000000000.seg", "core", "0000000003.seg.tmp", "9999999999.seg", "4294967295.seg", "quarantine/mine"}

// recycledCases: the file of a segment had another life before, of other segments' records.
func recycledCases() []damageCase {
	return []damageCase{
		{"the newest segment has the bytes of an earlier life behind it", func(w *wreck) {
			now := w.m.Bytes(w.newest())
			w.m.Put(w.newest(), append(now, w.m.Bytes(w.segments[0])[len(now)-3000:]...))
		}},
		{"a recycled segment got its name and no header", func(w *wreck) {
			old := w.m.Bytes(w.segments[0])
			clear(old[:record.HeaderSize]) // as it is before it becomes a spare
			w.m.Put("0000000005.seg", old)
		}},
		{"a recycled segment got its name and its header, and no mark", func(w *wreck) {
			old := w.m.Bytes(w.segments[0])
			copy(old, record.Header{Segment: 5}.Append(nil))
			w.m.Put("0000000005.seg", old)
			w.reports = 1 // it might as well be a record whose head is damaged
		}},
		{"a spare holds a segment", func(w *wreck) {
			w.m.Put("0000000001.free", w.m.Bytes(w.segments[3]))
		}},
		{"spares are random", func(w *wreck) {
			w.m.Put("0000000001.free", randomBytes(shortSegment))
			w.m.Put("reserve.free", randomBytes(shortSegment))
			w.m.Put("0000000003.free", randomBytes(3))
		}},
	}
}

func summaryCases() []damageCase {
	return []damageCase{
		{"a summary is flipped", func(w *wreck) {
			w.change(summaryOf(w.segments[1]), record.Range{From: 100, To: 101}, flip)
		}},
		{"a summary is cut", func(w *wreck) {
			b := w.m.Bytes(summaryOf(w.segments[1]))
			w.m.Put(summaryOf(w.segments[1]), b[:len(b)/2])
		}},
		{"a summary is empty", func(w *wreck) { w.m.Put(summaryOf(w.segments[0]), nil) }},
		{"a summary is of another segment", func(w *wreck) {
			w.m.Put(summaryOf(w.segments[1]), w.m.Bytes(summaryOf(w.segments[0])))
		}},
		{"a summary has no segment", func(w *wreck) {
			w.m.Put("0000000099.idx", w.m.Bytes(summaryOf(w.segments[0])))
		}},
		{"all summaries are gone", func(w *wreck) {
			for _, file := range w.segments {
				if !w.scanned(file) {
					require.NoError(w.t, w.m.Remove(summaryOf(file)))
				}
			}
		}},
	}
}

func metadataCases() []damageCase {
	return []damageCase{
		{"the two newest copies of the metadata are damaged", func(w *wreck) {
			if !w.scanned(w.newest()) {
				require.NoError(w.t, w.m.Remove(summaryOf(w.newest())))
			}
			ps := piecesOf(w.t, w.m, w.newest())
			w.hurt(w.newest(), record.Range{From: ps[len(ps)-2].at + 40, To: ps[len(ps)-1].at + 50}, flip)
			w.again = []int{8, 9}
			w.reports = 1 // they follow one another
		}},
	}
}

// expect is what is delivered.
func (w *wreck) expect() []int {
	left := append(healthyLeft(), w.again...)
	slices.Sort(left)
	if len(w.lost) == len(left) {
		return nil
	}
	left = slices.DeleteFunc(left, func(n int) bool { return slices.Contains(w.lost, n) })
	return left
}

// shelf is where the broken directory is put: in memory, or on a real disk.
type shelf func(t *testing.T, m *disktest.Memory) disk.Dir

func inMemory(_ *testing.T, m *disktest.Memory) disk.Dir { return m.Kill() }

func onDisk(t *testing.T, m *disktest.Memory) disk.Dir {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "quarantine"), 0o700))
	for _, name := range m.Names() {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), m.Bytes(name), 0o600))
	}
	dir, err := disk.OpenDir(root)
	require.NoError(t, err)
	return dir
}

// TestDamage is the catalogue of broken directories. Of each: the store starts,
// everything undamaged is delivered in order and once, what is damaged is
// reported and copied once, and never handed out.
func TestDamage(t *testing.T) {
	for _, how := range []struct {
		name   string
		closed bool
		shelf  shelf
	}{{"killed", false, inMemory}, {"closed", true, inMemory}, {"on disk", false, onDisk}} {
		t.Run(how.name, func(t *testing.T) {
			for _, c := range damageCases() {
				t.Run(c.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := &wreck{t: t, m: healthyDir(t, how.closed), closed: how.closed}
						w.segments = segmentsOf(w.m)
						c.do(w)
						w.checkDrainedAtOnce(how.shelf(t, w.m))
						if how.name != "on disk" { // where every flush costs
							w.checkDrainedLater(how.shelf(t, w.m))
						}
					})
				})
			}
			t.Logf("%d broken directories", len(damageCases()))
		})
	}
}

// What was reported is not reported again where the segment is read again:
// its summary is a shortcut, and may be gone.
func TestDamageIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wreck{t: t, m: healthyDir(t, false)}
		w.segments = segmentsOf(w.m)
		_, v := w.middle(w.newest())
		w.hurt(w.newest(), v, flip)
		dir := w.m.Kill()
		for start := range 3 {
			s := openSession(t, dir)
			w.checkReports(s, dir, max(0, 1-start))
			require.NoError(t, s.Close())
			for _, name := range dir.Names() {
				if path.Ext(name) == ".idx" {
					require.NoError(t, dir.Remove(name))
				}
			}
		}
		s := openSession(t, dir)
		assert.Equal(t, w.expect(), s.queue().drain())
		require.NoError(t, s.Close())
	})
}

func (w *wreck) checkDrainedAtOnce(dir disk.Dir) {
	t := w.t
	s := openSession(t, dir)
	assert.ElementsMatch(t, w.errors, w.otherErrors(s), "errors besides damaged bytes")
	w.checkPlain(s)
	q := s.queue()
	assert.EqualValues(t, len(w.expect())+w.foundOnRead(s), q.m.Count(), "the queue's size")
	assert.Equal(t, w.expect(), q.drain())
	w.checkReports(s, dir, w.reports)
	require.NoError(t, s.Close())
	w.checkQuiet(dir, nil)
}

// foundOnRead is how many damaged items are found when they are read.
func (w *wreck) foundOnRead(s *session) int { return max(0, w.reports-len(s.damageReports())) }

func (w *wreck) checkDrainedLater(dir disk.Dir) {
	s := openSession(w.t, dir)
	s.queue()
	at := len(s.damageReports())
	w.checkReports(s, dir, at)
	require.NoError(w.t, s.Close())

	s = openSession(w.t, dir)
	assert.Empty(w.t, s.damageReports(), "reported again")
	assert.ElementsMatch(w.t, w.stale, w.otherErrors(s))
	assert.Equal(w.t, w.expect(), s.queue().drain())
	w.checkPlain(s)
	w.checkReports(s, dir, w.reports-at)
	require.NoError(w.t, s.Close())
	w.checkQuiet(dir, nil)
}

// checkQuiet: everything is drained; the next start finds and reports nothing, and a fresh item flows.
func (w *wreck) checkQuiet(dir disk.Dir, left []int) {
	s := openSession(w.t, dir)
	assert.Empty(w.t, s.damageReports(), "reported again")
	assert.Zero(w.t, s.damaged.Load())
	assert.Zero(w.t, s.quarantined.Load())
	q := s.queue()
	assert.Equal(w.t, left, q.drain())
	assert.Empty(w.t, s.otherErrorsBut(w.stale))
	w.checkPlain(s)
	for n := range 60 { // over more than one segment, spares included
		require.NoError(w.t, q.put(payload(n)))
	}
	assert.Len(w.t, q.drain(), 60)
	require.NoError(w.t, s.Close())
	w.checkForeign(dir)
}

func (w *wreck) checkForeign(dir disk.Dir) {
	for _, name := range foreign {
		if before := w.m.Bytes(name); before != nil && !strings.Contains(name, "/") {
			f, err := dir.Open(name)
			require.NoError(w.t, err, name)
			b := make([]byte, len(before))
			_, err = f.ReadAt(b, 0)
			assert.NoError(w.t, err)
			assert.NoError(w.t, f.Close())
			assert.True(w.t, bytes.Equal(before, b), name)
		}
	}
}

func (w *wreck) otherErrors(s *session) []string { return s.otherErrorsBut(nil) }

func (s *session) otherErrorsBut(allowed []string) []string {
	return slices.DeleteFunc(s.errors(), func(message string) bool {
		return strings.Contains(message, "stored bytes are damaged") || slices.Contains(allowed, message)
	})
}

func (w *wreck) checkPlain(s *session) {
	c := s.client(plainName)
	for key, want := range plainData() {
		got, err := c.Get(w.t.Context(), key)
		if slices.Contains(w.lostKeys, key) {
			assert.Nil(w.t, got)
			continue
		}
		assert.NoError(w.t, err)
		assert.True(w.t, bytes.Equal(want, got), "key %q", key)
	}
	require.NoError(w.t, c.Close(w.t.Context()))
}

// checkReports: each piece of damage has one log with its place, and a copy of
// the bytes as they were; the counters say the same.
func (w *wreck) checkReports(s *session, dir disk.Dir, want int) {
	t := w.t
	reports := s.damageReports()
	if !assert.Len(t, reports, want, "reports of damage: %v", s.logs.All()) {
		return
	}
	var bytesInAll int64
	for _, r := range reports {
		fields := r.ContextMap()
		from, length := fields["offset"].(int64), fields["length"].(int64)
		file := fields["file"].(string)
		assert.Equal(t, dir.Path(path.Base(file)), file, "the full path")
		bytesInAll += length
		aside, err := dir.Sub("quarantine")
		require.NoError(t, err)
		copied, err := aside.Open(path.Base(fields["copy"].(string)))
		require.NoError(t, err)
		b := make([]byte, length)
		_, err = copied.ReadAt(b, 0)
		require.NoError(t, err)
		require.NoError(t, copied.Close())
		assert.True(t, bytes.Equal(w.m.Bytes(path.Base(file))[from:from+length], b), "the copy of %s", file)
	}
	assert.Equal(t, bytesInAll, s.damaged.Load())
	assert.EqualValues(t, len(reports), s.quarantined.Load())
}
