package disktest_test

import (
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

var errBroken = errors.New("broken")

// script does everything that changes something, once. It goes on after errors.
func script(t *testing.T, m *disktest.Memory) []error {
	t.Helper()
	q := sub(t, m, "q")
	f := open(t, q, "there")
	_, made := q.Create("new")
	_, emptied := q.Create("there")
	_, written := f.WriteAt([]byte("abc"), 7)
	_, nothing := f.WriteAt(nil, 7)
	require.NoError(t, nothing)
	return []error{
		made, emptied, written, f.Truncate(5), f.Sync(), q.Rename("there", "here"), f.Sync(),
		q.Remove("other"), q.Sync(), m.Sync(),
	}
}

func there() *disktest.Memory {
	m := disktest.New()
	m.Put("q/there", []byte("old"))
	m.Put("q/other", []byte("other"))
	return m
}

func TestTheHookSeesEveryChange(t *testing.T) {
	m := there()
	var seen []disktest.Change
	m.OnChange(func(c disktest.Change) error {
		seen = append(seen, c)
		return nil
	})
	for _, err := range script(t, m) {
		require.NoError(t, err)
	}
	assert.Equal(t, []disktest.Change{
		{Kind: disktest.Create, Name: "q/new"},
		{Kind: disktest.Create, Name: "q/there"},
		{Kind: disktest.Write, Name: "q/there", Offset: 7, Length: 3},
		{Kind: disktest.Truncate, Name: "q/there", Offset: 5},
		{Kind: disktest.Sync, Name: "q/there"},
		{Kind: disktest.Rename, Name: "q/there", To: "q/here"},
		{Kind: disktest.Sync, Name: "q/here"},
		{Kind: disktest.Remove, Name: "q/other"},
		{Kind: disktest.SyncDir, Name: "q"},
		{Kind: disktest.SyncDir, Name: "."},
	}, seen)
	assert.Equal(t, "write q/there [7, +3]", seen[2].String())
	assert.Equal(t, "rename q/there to q/here", seen[5].String())

	assert.Error(t, m.Remove("nothing"))
	assert.Len(t, seen, 10, "what cannot succeed is no change")
	m.OnChange(nil)
	require.NoError(t, m.Sync())
	assert.Len(t, seen, 10)
}

func TestWhatTheHookRefusesDoesNotHappen(t *testing.T) {
	m := there()
	m.OnChange(func(disktest.Change) error { return errBroken })
	for i, err := range script(t, m) {
		assert.ErrorIs(t, err, errBroken, i)
		var pathErr *fs.PathError
		assert.ErrorAs(t, err, &pathErr)
	}
	assert.Equal(t, []string{"q/other", "q/there"}, m.Names())
	assert.Equal(t, []byte("old"), m.Bytes("q/there"))
}

func TestAFailedSyncMayBeTriedAgain(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 10)
	write(t, f, 0, fill('b', 10))
	m.OnChange(func(disktest.Change) error { return errBroken })
	require.ErrorIs(t, f.Sync(), errBroken)
	m.OnChange(nil)
	assert.Equal(t, fill('a', 10), m.Crash(nil).Bytes("x"))
	require.NoError(t, f.Sync())
	assert.Equal(t, fill('b', 10), m.Crash(nil).Bytes("x"))
}

// The failure of a flush on Linux is told once; the next one says all is well.
func TestALostFlushStaysLost(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 2*sector)
	write(t, f, 0, fill('b', 3*sector))
	m.OnChange(func(c disktest.Change) error { return c.Lost(errBroken) })
	require.ErrorIs(t, f.Sync(), errBroken)
	m.OnChange(nil)
	require.NoError(t, f.Sync())
	assert.Equal(t, fill('b', 3*sector), m.Bytes("x"), "the page cache has it")
	assert.Equal(t, append(fill('a', 2*sector), make([]byte, sector)...), m.Crash(nil).Bytes("x"))
	assert.Equal(t, m.Crash(nil).Bytes("x"), m.Kill().Crash(nil).Bytes("x"))

	write(t, f, sector, fill('b', 1))
	require.NoError(t, f.Sync())
	want := append(append(fill('a', sector), fill('b', sector)...), make([]byte, sector)...)
	assert.Equal(t, want, m.Crash(nil).Bytes("x"), "only what is written again is flushed")
	var came, stayed int
	for i := range tries {
		if b := m.Crash(random(i)).Bytes("x"); b[0] == 'b' {
			came++ // the disk may have it after all
		} else {
			stayed++
		}
	}
	assert.Positive(t, came)
	assert.Positive(t, stayed)
}

func TestAWriteIsTorn(t *testing.T) {
	m := disktest.New()
	f := durable(t, m, "x", 'a', 10)
	m.OnChange(func(c disktest.Change) error { return c.Torn(4, errBroken) })
	n, err := f.WriteAt(fill('b', 10), 8)
	assert.Equal(t, 4, n)
	require.ErrorIs(t, err, errBroken)
	assert.Equal(t, []byte("aaaaaaaabbbb"), m.Bytes("x"))

	n, err = f.WriteAt(fill('c', 2), 0)
	assert.Equal(t, 2, n, "no more than there is")
	require.ErrorIs(t, err, errBroken)
}

func TestReadsFail(t *testing.T) {
	m := disktest.New()
	m.Put("q/x", []byte("abcdef"))
	f := open(t, sub(t, m, "q"), "x")
	m.OnRead(func(name string, offset, length int64) error {
		assert.Equal(t, "q/x", name)
		assert.Equal(t, int64(2), length)
		if offset == 3 {
			return errBroken
		}
		return nil
	})
	n, err := f.ReadAt(make([]byte, 2), 3)
	assert.Zero(t, n)
	require.ErrorIs(t, err, errBroken)
	b := make([]byte, 2)
	_, err = f.ReadAt(b, 4)
	require.NoError(t, err)
	assert.Equal(t, []byte("ef"), b)
}

// The power is cut at every operation: the copy has all before it, and not the operation itself.
func TestAHookMayCutThePower(t *testing.T) {
	m := disktest.New()
	var before [][]byte
	m.OnChange(func(c disktest.Change) error {
		assert.NotNil(t, m.Crash(random(1)))
		before = append(before, m.Kill().Bytes(c.Name))
		return nil
	})
	f := create(t, m, "x")
	write(t, f, 0, []byte("a"))
	write(t, f, 1, []byte("b"))
	require.NoError(t, f.Sync())
	assert.Equal(t, [][]byte{nil, {}, []byte("a"), []byte("ab")}, before)
}

func TestManyAtOnce(t *testing.T) {
	m := disktest.New()
	m.OnChange(func(disktest.Change) error { return nil })
	m.Put("x", fill(0, 16*page))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			f, err := m.Open("x")
			if !assert.NoError(t, err) {
				return
			}
			mine := fill(byte(i+1), 1000)
			for j := range 50 {
				_, err = f.WriteAt(mine, int64(i*2*page+j))
				assert.NoError(t, err)
				copied := m.Crash(random(j))
				other, err := copied.Open("x")
				assert.NoError(t, err)
				_, err = other.WriteAt(mine, 0)
				assert.NoError(t, err)
				assert.NoError(t, f.Sync())
				b := make([]byte, 1000)
				_, err = f.ReadAt(b, int64(i*2*page+j))
				assert.NoError(t, err)
				assert.Equal(t, mine, b)
			}
			assert.NoError(t, f.Close())
		})
	}
	group.Wait()
}
