package deadletter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

func TestFilters(t *testing.T) {
	r := newRig(t, t.TempDir())
	reasons := []string{Rejected, Poison, TooLarge, Expired, PartialSuccess}
	for n := range 10 {
		require.NoError(t, r.Park(batch(n), reasons[n%5], refusal))
	}
	require.NoError(t, r.ParkDamaged(&delivery.Damage{Signal: delivery.Traces, Raw: []byte("12345"), Err: errors.New("checksum")}))
	at := func(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0) }
	for _, store := range []*rig{r, r.again(t)} {
		for name, c := range map[string]struct {
			filter Filter
			want   int
		}{
			"all":                 {Filter{}, 11},
			"a signal":            {Filter{Signal: delivery.Logs}, 10},
			"the damaged's":       {Filter{Signal: delivery.Traces}, 1},
			"a signal without":    {Filter{Signal: delivery.Metrics}, 0},
			"a reason":            {Filter{Reason: Poison}, 2},
			"damaged":             {Filter{Reason: Unreadable}, 1},
			"no reason":           {Filter{Reason: "boredom"}, 0},
			"from, included":      {Filter{From: at(8), To: at(100)}, 2},
			"to, included":        {Filter{To: at(3)}, 4},
			"one moment":          {Filter{From: at(3), To: at(3)}, 1},
			"between two":         {Filter{From: at(3).Add(1), To: at(4).Add(-1)}, 0},
			"backwards":           {Filter{From: at(5), To: at(3)}, 0},
			"all of them":         {Filter{Signal: delivery.Logs, Reason: Rejected, From: at(1), To: at(9)}, 1},
			"names":               {Filter{Names: []string{nameNo(3), nameNo(1), nameNo(99), nameNo(3)}}, 2},
			"no names":            {Filter{Names: []string{}}, 0},
			"names and a reason":  {Filter{Names: []string{nameNo(0), nameNo(1)}, Reason: Poison}, 1},
			"a name of elsewhere": {Filter{Names: []string{"../logs/" + nameNo(0)}}, 0},
		} {
			page, next, total := store.List(c.filter, "", 100)
			assert.Len(t, page, c.want, name)
			assert.Empty(t, next)
			assert.Equal(t, c.want, total.Entries, name)
			assert.Len(t, store.Names(c.filter), c.want, name)
			if c.want == 0 {
				assert.NotNil(t, page, "in JSON it is a list")
				assert.Zero(t, total)
			}
		}
	}
	assert.Equal(t, []string{nameNo(1), nameNo(3)}, r.Names(Filter{Names: []string{nameNo(3), nameNo(1)}}), "oldest first, whatever is asked")
}

func TestPaging(t *testing.T) {
	r := newRig(t, t.TempDir())
	many(t, r.dir, 25)
	require.NoError(t, r.Open())
	for _, limit := range []int{1, 7, 24, 25, 26, 500} {
		var seen []string
		for after := ""; ; {
			page, next, total := r.List(Filter{}, after, limit)
			assert.LessOrEqual(t, len(page), limit)
			assert.Equal(t, 25, total.Entries, "of all pages")
			seen = append(seen, names(page)...)
			if next == "" {
				break
			}
			assert.Equal(t, page[len(page)-1].Name, next)
			after = next
		}
		want := r.Names(Filter{})
		slices.Reverse(want)
		assert.Equal(t, want, seen, "limit %d", limit)
	}
	page, next, _ := r.List(Filter{}, nameNo(0), 5)
	assert.Empty(t, page)
	assert.Empty(t, next)
}

// While entries come and go every entry that stays is seen once, also where the
// one that the cursor names is gone.
func TestPagingWhileEntriesComeAndGo(t *testing.T) {
	r := newRig(t, t.TempDir())
	many(t, r.dir, 200)
	require.NoError(t, r.Open())
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, r.Park(batch(1000+n), Rejected, refusal))
				assert.NoError(t, r.Delete(nameNo(1+2*(n%100)))) // the odd ones
			}
		}
	})
	for range 5 {
		seen := map[string]int{}
		for after := ""; ; {
			page, next, _ := r.List(Filter{}, after, 9)
			for _, e := range page {
				seen[e.Name]++
			}
			if next == "" {
				break
			}
			assert.NoError(t, r.Delete(oddOnly(next)))
			after = next
		}
		for name, times := range seen {
			assert.Equal(t, 1, times, name)
		}
		for n := 0; n < 200; n += 2 {
			assert.Equal(t, 1, seen[nameNo(n)], "entry %d", n)
		}
	}
	close(stop)
	others.Wait()
}

// oddOnly gives the name if it is of an entry that may go.
func oddOnly(name string) string {
	if when(name)/1e9%2 == 1 {
		return name
	}
	return ""
}

func TestPurgeAsksForTheCount(t *testing.T) {
	r := newRig(t, t.TempDir())
	for n := range 4 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	for _, count := range []int{-1, 0, 3, 5} {
		d, err := r.Purge(Filter{}, count)
		require.Equal(t, &CountError{Want: count, Found: 4}, err)
		assert.ErrorContains(t, err, "4 dead letters match")
		assert.Zero(t, d.Entries)
	}
	assert.Len(t, r.Names(Filter{}), 4)
	assert.Empty(t, r.told())
	d, err := r.Purge(Filter{Names: []string{nameNo(0), nameNo(0), nameNo(2)}}, 2)
	require.NoError(t, err)
	want := Dropped{
		Reason: Purged, Entries: 2, Records: 2, Bytes: 2 * batch(0).Payload.Bytes(),
		First: time.Unix(1_700_000_000, 0).UTC(), Last: time.Unix(1_700_000_002, 0).UTC(),
	}
	assert.Equal(t, want, d)
	assert.Equal(t, []Dropped{want}, r.told())
	_, err = r.Purge(Filter{}, 2)
	require.NoError(t, err)
	assert.Zero(t, bytesOnDisk(t, r.dir))
	_, err = r.Purge(Filter{}, 0)
	require.NoError(t, err)
	assert.Len(t, r.told(), 2, "of nothing nothing is told")
}

// One entry that cannot be removed does not keep the others.
func TestPurgeGoesOn(t *testing.T) {
	r := newRig(t, t.TempDir())
	for n := range 3 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	stuck := filepath.Join(r.dir, "shore", "logs", nameNo(1)+".json")
	require.NoError(t, os.Remove(stuck))
	require.NoError(t, os.MkdirAll(filepath.Join(stuck, "in the way"), 0o700))
	d, err := r.Purge(Filter{}, 3)
	require.ErrorContains(t, err, stuck)
	assert.Equal(t, 2, d.Entries)
	assert.Equal(t, []Dropped{d}, r.told())
	assert.Equal(t, []string{nameNo(1)}, r.Names(Filter{}))
}

// What was replayed in the meantime is not purged, and not told as lost.
func TestPurgeOfWhatIsGone(t *testing.T) {
	r := newRig(t, t.TempDir())
	require.NoError(t, r.Park(batch(0), Rejected, refusal))
	it, _ := r.index.find(nameNo(0))
	require.NoError(t, r.Delete(nameNo(0)))
	d, err := r.drop(Purged, []item{it})
	require.NoError(t, err)
	assert.Zero(t, d.Entries)
	assert.Empty(t, r.told())
}

func TestLinesAreAllThatWereParked(t *testing.T) {
	parts := batch(1)
	parts.History.Parts = []delivery.Batch{batch(2), batch(3)}
	for name, c := range map[string]struct {
		batch delivery.Batch
		data  string
		lines int
		err   string
	}{
		"one":                    {batch(1), "{}\n", 1, ""},
		"mended with an editor":  {batch(1), "{}", 1, ""},
		"none: the disk lost it": {batch(1), "", 0, "holds 0 lines, not 1"},
		"two parts":              {parts, "{}\n{}\n", 2, ""},
		"one part of two":        {parts, "{}\n", 1, "holds 1 lines, not 2"},
		"more than parked":       {batch(1), "{}\n{}\n", 2, "holds 2 lines, not 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, t.TempDir())
			require.NoError(t, r.Park(c.batch, Rejected, refusal))
			put(t, r.dir, "logs", nameNo(1)+".jsonl", c.data)
			lines := 0
			err := r.Lines(nameNo(1), func([]byte) error { lines++; return nil })
			assert.Equal(t, c.lines, lines)
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
		})
	}
	r := newRig(t, t.TempDir())
	require.ErrorIs(t, r.Lines("17", nil), ErrNotFound)
	require.NoError(t, r.Park(batch(1), Rejected, refusal))
	require.ErrorIs(t, r.Lines(nameNo(1), func([]byte) error { return os.ErrClosed }), os.ErrClosed)
	require.NoError(t, os.Remove(filepath.Join(r.dir, "shore", "logs", nameNo(1)+".jsonl")))
	require.ErrorIs(t, r.Lines(nameNo(1), nil), ErrNotFound)
}

// An entry that is read teaches the index. So it can be seen which were read:
// those whose JSON has been changed meanwhile, and whose change is known.
func readSince(t *testing.T, r *rig, n int, f func()) (read int) {
	t.Helper()
	for i := range n {
		put(t, r.dir, "logs", nameNo(i)+".json", about(t, i, "changed"))
	}
	f()
	for _, it := range r.index.all() {
		if it.reason == "changed" {
			read++
		}
	}
	return read
}

func TestOfTenThousandOnlyThePageIsRead(t *testing.T) {
	const n = 10_000
	r := newRig(t, t.TempDir())
	many(t, r.dir, n)
	for i := range 500 { // that cannot be read, so nothing is known of them
		put(t, r.dir, "logs", nameNo(i)+".json", "<html>")
	}
	begin := time.Now()
	require.NoError(t, r.Open())
	t.Log("open:", time.Since(begin))
	assert.Zero(t, readSince(t, r, 0, func() {}), "Open reads none")
	for _, it := range r.index.all() {
		r.know(it)
	}
	read := readSince(t, r, n, func() {
		begin := time.Now()
		page, next, total := r.List(Filter{Signal: delivery.Logs}, "", 100)
		t.Log("list:", time.Since(begin))
		assert.Len(t, page, 100)
		assert.NotEmpty(t, next)
		assert.Equal(t, n, total.Entries)
	})
	assert.Equal(t, 100, read)
}

func TestMemoryIsBounded(t *testing.T) {
	const n, most = 1000, 700
	r := newRig(t, t.TempDir())
	for i := range n {
		text := strings.Repeat(string(rune('a'+i%26)), 20_000)
		put(t, r.dir, "logs", nameNo(i)+".json", fmt.Sprintf(`{"reason":"%d%s","message":%q,"id":%q}`, i, text, text, text))
		put(t, r.dir, "logs", nameNo(i)+".jsonl", "{}\n")
	}
	before := heap()
	require.NoError(t, r.Open())
	for _, it := range r.index.all() {
		r.know(it)
	}
	assert.Less(t, int(heap()-before)/n, most, "bytes for each entry")
	page, _, _ := r.List(Filter{}, "", 500)
	for _, e := range page {
		assert.LessOrEqual(t, len(e.Reason), mostWords+len("…"))
		assert.LessOrEqual(t, len(e.Message), mostWords+len("…"))
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkOpenAndListTenThousand(b *testing.B) {
	dir := b.TempDir()
	many(b, dir, 10_000)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, newRig(b, dir).Open())
		}
	})
	r := newRig(b, dir)
	require.NoError(b, r.Open())
	b.Run("tend", func(b *testing.B) {
		for b.Loop() {
			for _, it := range r.index.all() {
				r.know(it)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			page, _, _ := r.List(Filter{}, "", 100)
			require.Len(b, page, 100)
		}
	})
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, r.look())
		}
	})
}
