package disktest_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

func free(t *testing.T, m *disktest.Memory) int64 {
	t.Helper()
	n, err := m.Free()
	require.NoError(t, err)
	return n
}

func TestADiskFills(t *testing.T) {
	m := disktest.New()
	assert.Greater(t, free(t, m), int64(1)<<40)
	m.Limit(4 * page)
	f := create(t, m, "x")
	require.NoError(t, f.Truncate(100*page))
	assert.Equal(t, int64(4*page), free(t, m), "a hole is not allocated")

	n, err := f.WriteAt(fill('a', 5*page), 10)
	assert.Equal(t, 4*page-10, n, "what fits")
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.Zero(t, free(t, m))
	assert.Equal(t, int64(4*page), m.Total())
	assert.Equal(t, int64(100*page), size(t, f))

	write(t, f, 0, fill('b', 4*page))
	n, err = f.WriteAt([]byte("x"), 4*page)
	assert.Zero(t, n)
	require.ErrorIs(t, err, syscall.ENOSPC)
	create(t, m, "a name is free")

	require.NoError(t, f.Truncate(page+1))
	assert.Equal(t, int64(2*page), free(t, m))
	m.Limit(page)
	assert.Zero(t, free(t, m), "not below zero")
	m.Limit(-1)
	write(t, f, 0, fill('c', 100*page))
	assert.Equal(t, int64(100*page), m.Total())
}

func TestSpaceComesBackWithTheLastHandle(t *testing.T) {
	m := disktest.New()
	removed, replaced := durable(t, m, "removed", 'a', page), durable(t, m, "replaced", 'a', page)
	closed := durable(t, m, "closed", 'a', page)
	again := open(t, m, "removed")
	durable(t, m, "x", 'a', page)
	require.NoError(t, closed.Close())
	require.NoError(t, m.Remove("closed"))
	assert.Equal(t, int64(3*page), m.Total())
	require.NoError(t, m.Remove("removed"))
	require.NoError(t, m.Rename("x", "replaced"))
	assert.Equal(t, int64(3*page), m.Total())
	assert.Equal(t, int64(page), m.Kill().Total(), "nothing is open in a copy")

	write(t, removed, page, fill('b', page))
	assert.Equal(t, int64(4*page), m.Total())
	require.NoError(t, removed.Close())
	assert.Equal(t, int64(4*page), m.Total())
	require.NoError(t, again.Close())
	require.NoError(t, replaced.Close())
	assert.Equal(t, int64(page), m.Total())
}

func TestACopyIsAsLarge(t *testing.T) {
	m := disktest.New()
	m.Limit(3 * page)
	durable(t, m, "x", 'a', 2*page)
	for _, after := range []*disktest.Memory{m.Kill(), m.Crash(nil), m.Crash(random(1))} {
		assert.Equal(t, int64(page), free(t, after))
		write(t, create(t, after, "y"), 0, fill('y', page))
		_, err := create(t, after, "z").WriteAt([]byte("z"), 0)
		assert.ErrorIs(t, err, syscall.ENOSPC)
	}
	assert.Equal(t, int64(page), free(t, m))
}

func TestPutIsDurable(t *testing.T) {
	m := disktest.New()
	m.OnChange(func(disktest.Change) error { return errBroken })
	m.Put("q/x", fill('a', 2*page))
	assert.Equal(t, fill('a', 2*page), m.Crash(nil).Bytes("q/x"))

	f := open(t, sub(t, m, "q"), "x")
	m.Put("q/x", []byte("bb"))
	assert.Equal(t, []byte("bb"), m.Crash(nil).Bytes("q/x"))
	assert.Equal(t, int64(2), size(t, f), "who has it open sees it")
	assert.Equal(t, int64(page), m.Total())

	b := m.Bytes("q/x")
	b[0] = 'c'
	assert.Equal(t, []byte("bb"), m.Bytes("q/x"), "Bytes is a copy")
}

func BenchmarkCrash(b *testing.B) {
	m := disktest.New()
	for _, name := range []string{"a", "b", "c", "d"} {
		m.Put(name, fill('x', 1<<20))
	}
	f, err := m.Open("d")
	require.NoError(b, err)
	_, err = f.WriteAt(fill('y', 1<<17), 1<<20)
	require.NoError(b, err)
	r := random(1)
	for b.Loop() {
		m.Crash(r)
	}
}
