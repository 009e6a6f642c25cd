package disktest_test

import (
	"bytes"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

func TestReadsEndAsThoseOfAFile(t *testing.T) {
	f := create(t, disktest.New(), "x")
	write(t, f, 5000, []byte("abc"))
	b := make([]byte, 8)

	n, err := f.ReadAt(b, 4998)
	assert.Equal(t, 5, n)
	assert.Equal(t, io.EOF, err, "as os.File, without a path")
	assert.Equal(t, []byte("\x00\x00abc"), b[:n])

	n, err = f.ReadAt(b[:3], 5000)
	assert.Equal(t, 3, n)
	assert.NoError(t, err)

	n, err = f.ReadAt(b, 5003)
	assert.Zero(t, n)
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, int64(5003), size(t, f))
}

func TestNames(t *testing.T) {
	m := disktest.New()
	create(t, m, "b")
	write(t, create(t, m, "a"), 0, fill('a', 10))
	create(t, sub(t, m, "quarantine"), "x")
	create(t, sub(t, sub(t, m, "quarantine"), "deep"), "y")

	entries, err := m.List()
	require.NoError(t, err)
	assert.Equal(t, []disk.Entry{{Name: "a", Size: 10}, {Name: "b"}}, entries)
	assert.Equal(t, []string{"a", "b", "quarantine/deep/y", "quarantine/x"}, m.Names())
	assert.Equal(t, "/memory/quarantine/x", sub(t, m, "quarantine").Path("x"))

	require.NoError(t, m.Rename("a", "b"))
	require.NoError(t, m.Rename("b", "b"))
	require.NoError(t, sub(t, m, "quarantine").Remove("x"))
	assert.Equal(t, []string{"b", "quarantine/deep/y"}, m.Names())
	assert.Equal(t, fill('a', 10), m.Bytes("b"))
	assert.Nil(t, m.Bytes("a"))
	assert.Nil(t, m.Bytes("nowhere/a"))

	require.NoError(t, create(t, m, "b").Close())
	assert.Empty(t, m.Bytes("b"), "created anew is emptied")
}

func TestErrorsNameThePath(t *testing.T) {
	m := disktest.New()
	q := sub(t, m, "q")
	closed := create(t, q, "closed")
	require.NoError(t, closed.Close())
	file := create(t, q, "file")
	for name, test := range map[string]struct {
		do   func() error
		is   error
		path string
	}{
		"open":           {func() error { _, err := q.Open("x"); return err }, fs.ErrNotExist, "/memory/q/x"},
		"remove":         {func() error { return q.Remove("x") }, fs.ErrNotExist, "/memory/q/x"},
		"rename":         {func() error { return q.Rename("x", "y") }, fs.ErrNotExist, "/memory/q/x"},
		"no plain name":  {func() error { _, err := m.Create("q/x"); return err }, fs.ErrInvalid, "/memory/q/x"},
		"a directory":    {func() error { _, err := m.Create("q"); return err }, nil, "/memory/q"},
		"a file":         {func() error { _, err := q.Sub("file"); return err }, nil, "/memory/q/file"},
		"read":           {func() error { _, err := closed.ReadAt(nil, 0); return err }, fs.ErrClosed, "/memory/q/closed"},
		"write":          {func() error { _, err := closed.WriteAt(nil, 0); return err }, fs.ErrClosed, "/memory/q/closed"},
		"sync":           {closed.Sync, fs.ErrClosed, "/memory/q/closed"},
		"truncate":       {func() error { return closed.Truncate(0) }, fs.ErrClosed, "/memory/q/closed"},
		"size":           {func() error { _, err := closed.Size(); return err }, fs.ErrClosed, "/memory/q/closed"},
		"close":          {closed.Close, fs.ErrClosed, "/memory/q/closed"},
		"below zero":     {func() error { return file.Truncate(-1) }, fs.ErrInvalid, "/memory/q/file"},
		"read below":     {func() error { _, err := file.ReadAt(nil, -1); return err }, fs.ErrInvalid, "/memory/q/file"},
		"write below":    {func() error { _, err := file.WriteAt(nil, -1); return err }, fs.ErrInvalid, "/memory/q/file"},
		"write far away": {func() error { _, err := file.WriteAt([]byte("x"), 1<<40); return err }, nil, "/memory/q/file"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.do()
			require.Error(t, err)
			if test.is != nil {
				assert.ErrorIs(t, err, test.is)
			}
			var pathErr *fs.PathError
			require.ErrorAs(t, err, &pathErr)
			assert.Equal(t, test.path, pathErr.Path)
		})
	}
}

func TestAnOpenFileOutlivesItsName(t *testing.T) {
	m := disktest.New()
	renamed, replaced, removed := create(t, m, "renamed"), create(t, m, "replaced"), create(t, m, "removed")
	require.NoError(t, m.Rename("renamed", "replaced"))
	require.NoError(t, m.Remove("removed"))
	for _, f := range []disk.File{renamed, replaced, removed} {
		write(t, f, 0, []byte("abc"))
		require.NoError(t, f.Sync())
	}
	write(t, replaced, 0, []byte("xyz"))
	assert.Equal(t, []string{"replaced"}, m.Names())
	assert.Equal(t, []byte("abc"), m.Bytes("replaced"))

	b := make([]byte, 3)
	_, err := replaced.ReadAt(b, 0)
	require.NoError(t, err)
	assert.Equal(t, []byte("xyz"), b)

	create(t, m, "removed")
	assert.Empty(t, m.Bytes("removed"), "another file of that name")
}

// Random operations on files and copies of them, against plain bytes.
func TestPagesAreBytes(t *testing.T) {
	for seed := range 50 {
		r := random(seed)
		disks, models := []*disktest.Memory{disktest.New()}, [][]byte{nil}
		create(t, disks[0], "x")
		for range 100 {
			which := r.IntN(len(disks))
			m, model := disks[which], models[which]
			f := open(t, m, "x")
			switch r.IntN(6) {
			case 0:
				n := r.IntN(3 * page)
				require.NoError(t, f.Truncate(int64(n)))
				models[which] = append(bytes.Clone(model[:min(n, len(model))]), make([]byte, max(0, n-len(model)))...)
			case 1:
				require.NoError(t, f.Sync())
			case 2:
				require.NoError(t, m.Sync())
				disks, models = append(disks, m.Kill()), append(models, bytes.Clone(model))
			case 3:
				require.NoError(t, f.Sync())
				require.NoError(t, m.Sync())
				disks, models = append(disks, m.Crash(r)), append(models, bytes.Clone(model))
			default:
				at, b := r.IntN(3*page), fill(byte(r.Uint32()), 1+r.IntN(2*page))
				write(t, f, int64(at), b)
				grown := append(bytes.Clone(model), make([]byte, max(0, at+len(b)-len(model)))...)
				copy(grown[at:], b)
				models[which] = grown
			}
			require.NoError(t, f.Close())
		}
		for i, m := range disks {
			require.True(t, bytes.Equal(models[i], m.Bytes("x")), "seed %d, disk %d", seed, i)
		}
	}
}
