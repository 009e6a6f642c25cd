package disktest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

func TestACrashForgetsWhatWasNotFlushed(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 100)
	write(t, f, 50, fill('b', 5000))
	assert.Equal(t, fill('a', 100), m.Crash(nil).Bytes("x"))

	require.NoError(t, f.Sync())
	assert.Equal(t, m.Bytes("x"), m.Crash(nil).Bytes("x"))

	require.NoError(t, f.Truncate(10))
	assert.Len(t, m.Crash(nil).Bytes("x"), 5050)
	require.NoError(t, f.Sync())
	assert.Equal(t, fill('a', 10), m.Crash(nil).Bytes("x"))

	require.NoError(t, f.Truncate(600))
	require.NoError(t, f.Sync())
	assert.Equal(t, append(fill('a', 10), make([]byte, 590)...), m.Crash(nil).Bytes("x"), "what was cut off does not come back")
}

func TestAFileNeedsItsDirectory(t *testing.T) {
	m := disktest.New()
	q := sub(t, m, "q")
	for _, name := range []string{"a", "b"} {
		f := create(t, q, name)
		write(t, f, 0, []byte(name))
		require.NoError(t, f.Sync())
	}
	require.NoError(t, m.Sync())
	assert.Empty(t, m.Crash(nil).Names(), "each directory has its own Sync")
	require.NoError(t, q.Sync())
	assert.Equal(t, []string{"q/a", "q/b"}, m.Crash(nil).Names())

	require.NoError(t, q.Rename("a", "c"))
	require.NoError(t, q.Remove("b"))
	assert.Equal(t, []string{"q/c"}, m.Names())
	assert.Equal(t, []string{"q/a", "q/b"}, m.Crash(nil).Names())
	assert.Equal(t, []byte("b"), m.Crash(nil).Bytes("q/b"))
	require.NoError(t, q.Sync())
	assert.Equal(t, []string{"q/c"}, m.Crash(nil).Names())
	assert.Equal(t, []byte("a"), m.Crash(nil).Bytes("q/c"))
}

func TestARenameDoesNotFlush(t *testing.T) {
	m := disktest.New()
	durable(t, m, "x", 'a', 10)
	f := create(t, m, "x.new")
	write(t, f, 0, fill('b', 20))
	require.NoError(t, m.Rename("x.new", "x"))
	assert.Equal(t, fill('a', 10), m.Crash(nil).Bytes("x"))
	require.NoError(t, m.Sync())
	assert.Empty(t, m.Crash(nil).Bytes("x"), "the name is durable, its bytes are not")
	require.NoError(t, f.Sync())
	assert.Equal(t, fill('b', 20), m.Crash(nil).Bytes("x"))
}

func TestTheFirstFewOperationsOfADirectorySurvive(t *testing.T) {
	m := disktest.New()
	durable(t, m, "a", 'a', 1)
	require.NoError(t, m.Rename("a", "b"))
	create(t, m, "c")
	require.NoError(t, m.Rename("c", "b"))
	require.NoError(t, m.Remove("b"))
	seen := map[string]int{}
	for i := range tries {
		after := m.Crash(random(i))
		seen[strings.Join(after.Names(), " ")+":"+string(after.Bytes("b"))]++
	}
	assert.Len(t, seen, 5, "%v", seen)
	for _, state := range []string{"a:", "b:a", "b c:a", "b:", ":"} {
		assert.Contains(t, seen, state)
	}

	require.NoError(t, m.Sync())
	for i := range tries {
		assert.Empty(t, m.Crash(random(i)).Names(), "what was flushed does not happen again")
	}
}

// Which sectors of the new bytes are on the disk: every choice is possible.
func TestSectorsSurviveOnTheirOwn(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 4*sector)
	write(t, f, sector, fill('b', 3*sector))
	seen := map[string]bool{}
	for i := range tries {
		b := m.Crash(random(i)).Bytes("x")
		require.Len(t, b, 4*sector)
		var is []byte
		for s := range slices.Chunk(b, sector) {
			require.Equal(t, fill(s[0], sector), s, "a sector is whole")
			is = append(is, s[0])
		}
		seen[string(is)] = true
	}
	assert.Len(t, seen, 8, "%v", seen)
	assert.NotContains(t, seen, "baaa")
}

// However much there is.
func TestAllOrNothingIsLikelyToo(t *testing.T) {
	m := disktest.New()
	write(t, durable(t, m, "x", 'a', 100*page), 0, fill('b', 100*page))
	var all, none int
	for i := range tries {
		switch bytes.Count(m.Crash(random(i)).Bytes("x"), []byte("b")) {
		case 0:
			none++
		case 100 * page:
			all++
		}
	}
	assert.Greater(t, all, tries/8)
	assert.Greater(t, none, tries/8)
}

func TestAnAppendIsTorn(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 100)
	write(t, f, 100, fill('b', 2*sector))
	sizes, zeros, old := map[int]bool{}, 0, 0
	for i := range tries {
		b := m.Crash(random(i)).Bytes("x")
		require.GreaterOrEqual(t, len(b), 100)
		require.LessOrEqual(t, len(b), 100+2*sector)
		assert.Equal(t, fill('a', 100), b[:100], "what was flushed stays, also in a sector that is written again")
		sizes[len(b)] = true
		if len(b) > 2*sector && b[sector] == 0 && b[2*sector] == 'b' {
			zeros++
		}
		if len(b) > 100 && b[100] == 0 {
			old++
		}
	}
	assert.Contains(t, sizes, 100)
	assert.Contains(t, sizes, 100+2*sector)
	assert.Greater(t, len(sizes), 50)
	assert.Positive(t, zeros, "the size and a later sector survive, an earlier one does not")
	assert.Positive(t, old)
}

func TestATruncationMayNotHaveHappened(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 4*sector)
	require.NoError(t, f.Truncate(0))
	write(t, f, 0, fill('b', 2*sector))
	var whole, empty, mixed, zero int
	for i := range tries {
		b := m.Crash(random(i)).Bytes("x")
		require.LessOrEqual(t, len(b), 4*sector)
		switch {
		case len(b) == 0:
			empty++
		case len(b) == 4*sector && b[0] == 'a' && b[sector] == 'a':
			whole++
		case len(b) == 4*sector && b[0] != b[sector]:
			mixed++
		case b[0] == 0:
			zero++
		}
		if len(b) == 4*sector {
			assert.Equal(t, fill('a', 2*sector), b[2*sector:])
		} else {
			assert.Negative(t, bytes.IndexByte(b, 'a'))
		}
	}
	for _, n := range []int{whole, empty, mixed, zero} {
		assert.Positive(t, n)
	}
}

// Bytes that were written and cut off again never come back, not even where their flush failed.
func TestWhatIsCutOffIsNotAtRisk(t *testing.T) {
	for name, fails := range map[string]bool{"written": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			m := disktest.New()
			f := durable(t, m, "x", 'a', 4*page)
			write(t, f, 0, fill('b', 4*page))
			if fails {
				m.OnChange(func(c disktest.Change) error { return c.Lost(errBroken) })
				require.ErrorIs(t, f.Sync(), errBroken)
				m.OnChange(nil)
			}
			require.NoError(t, f.Truncate(sector+1))
			require.NoError(t, f.Truncate(4*page))
			for i := range tries {
				after := m.Crash(random(i))
				b := after.Bytes("x")
				require.Negative(t, bytes.IndexByte(b[min(2*sector, len(b)):], 'b'))
				require.LessOrEqual(t, after.Total(), int64(4*page))
			}
			require.NoError(t, f.Sync())
			after := m.Crash(nil)
			assert.Len(t, after.Bytes("x"), 4*page)
			assert.Equal(t, int64(page), after.Total())
		})
	}
}

func TestAfterACrashAllIsDurable(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 100)
	write(t, f, 0, fill('b', 10*page))
	create(t, sub(t, m, "q"), "y")
	for i := range 50 {
		after := m.Crash(random(i))
		for range 3 {
			again := after.Crash(random(i + 1))
			assert.Equal(t, after.Names(), again.Names())
			assert.True(t, bytes.Equal(after.Bytes("x"), again.Bytes("x")))
			after = again
		}
	}
}

func TestTheSameSeedIsTheSameCrash(t *testing.T) {
	m := disktest.New()
	for _, name := range []string{"a", "b", "c", "d"} {
		for _, dir := range []disk.Dir{m, sub(t, m, "in "+name)} {
			write(t, create(t, dir, name), 0, fill(name[0], 50*page))
		}
	}
	for i := range 20 {
		one, other := m.Crash(random(i)), m.Crash(random(i))
		require.Equal(t, one.Names(), other.Names(), i)
		for _, name := range one.Names() {
			require.True(t, bytes.Equal(one.Bytes(name), other.Bytes(name)))
		}
	}
}

func TestAKillForgetsNothing(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 100)
	write(t, f, 0, fill('b', 50))
	write(t, create(t, sub(t, m, "q"), "y"), 0, fill('y', 10))
	require.NoError(t, durable(t, m, "z", 'z', 10).Close())
	require.NoError(t, m.Remove("z"))

	killed := m.Kill()
	assert.Equal(t, []string{"q/y", "x"}, killed.Names())
	assert.Equal(t, m.Bytes("x"), killed.Bytes("x"))
	assert.Equal(t, fill('y', 10), killed.Bytes("q/y"))
	assert.Equal(t, m.Total(), killed.Total())

	assert.Equal(t, []string{"x", "z"}, killed.Crash(nil).Names(), "what was not flushed is still at risk")
	assert.Equal(t, fill('a', 100), killed.Crash(nil).Bytes("x"))
	assert.Equal(t, fill('z', 10), killed.Crash(nil).Bytes("z"))
	require.NoError(t, open(t, sub(t, m, "q"), "y").Sync())
	seen, torn := map[string]bool{}, false
	for i := range tries {
		after := killed.Crash(random(i))
		seen[strings.Join(after.Names(), " ")] = true
		torn = torn || after.Bytes("q/y") != nil && !bytes.Equal(after.Bytes("q/y"), fill('y', 10))
	}
	assert.True(t, torn, "a flush of the original is none of the copy")
	assert.Equal(t, map[string]bool{"x": true, "x z": true, "q/y x": true, "q/y x z": true}, seen)

	require.NoError(t, open(t, killed, "x").Sync())
	assert.Equal(t, killed.Bytes("x"), killed.Crash(nil).Bytes("x"))
	assert.Equal(t, fill('a', 100), m.Crash(nil).Bytes("x"), "and the copy is one")
}

func TestCopiesAreApart(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 3*page)
	killed, crashed := m.Kill(), m.Crash(nil)
	write(t, f, 10, fill('b', page))
	write(t, open(t, killed, "x"), 20, fill('c', page))
	require.NoError(t, open(t, crashed, "x").Truncate(page+1))
	require.NoError(t, killed.Rename("x", "y"))
	require.NoError(t, sub(t, crashed, "q").Sync())

	want := fill('a', 3*page)
	copy(want[10:], fill('b', page))
	assert.True(t, bytes.Equal(want, m.Bytes("x")))
	want = fill('a', 3*page)
	copy(want[20:], fill('c', page))
	assert.True(t, bytes.Equal(want, killed.Bytes("y")))
	assert.True(t, bytes.Equal(fill('a', page+1), crashed.Bytes("x")))
	assert.True(t, bytes.Equal(fill('a', 3*page), m.Crash(nil).Bytes("x")))
}
