package disk_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

func opened(t *testing.T, path string) disk.Dir {
	t.Helper()
	dir, err := disk.OpenDir(path)
	require.NoError(t, err)
	return dir
}

func created(t *testing.T, dir disk.Dir, name, content string) disk.File {
	t.Helper()
	f, err := dir.Create(name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	n, err := f.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	require.Len(t, content, n)
	return f
}

func content(t *testing.T, f disk.File) string {
	t.Helper()
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	return string(b)
}

func TestWhatIsMadeIsForUsAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	base := t.TempDir()
	require.NoError(t, os.Chmod(base, 0o755))
	dir := opened(t, filepath.Join(base, "data", "queue"))
	created(t, dir, "x", "")
	_, err := dir.Sub("quarantine")
	require.NoError(t, err)
	opened(t, base)
	for path, mode := range map[string]fs.FileMode{
		base: 0o755, dir.Path(""): 0o700, filepath.Dir(dir.Path("")): 0o700,
		dir.Path("quarantine"): 0o700, dir.Path("x"): 0o600,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}

	require.NoError(t, os.Chmod(dir.Path("x"), 0o640))
	created(t, dir, "x", "")
	info, err := os.Stat(dir.Path("x"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
}

func TestAFileKeepsItsBytes(t *testing.T) {
	path := t.TempDir()
	dir := opened(t, path)
	f := created(t, dir, "x", "hello")
	require.NoError(t, f.Truncate(8))
	require.NoError(t, f.Sync())
	require.NoError(t, dir.Sync())
	_, err := f.WriteAt([]byte("J"), 0)
	require.NoError(t, err)
	n, err := f.ReadAt(make([]byte, 10), 4)
	assert.Equal(t, 4, n)
	assert.Equal(t, io.EOF, err)
	require.NoError(t, f.Close())

	again, err := opened(t, path).Open("x")
	require.NoError(t, err)
	assert.Equal(t, "Jello\x00\x00\x00", content(t, again))
	require.NoError(t, again.Close())
	assert.Empty(t, content(t, created(t, dir, "x", "")), "created anew is emptied")
}

func TestList(t *testing.T) {
	dir := opened(t, t.TempDir())
	created(t, dir, "b", "22")
	created(t, dir, "a", "1")
	sub, err := dir.Sub("quarantine")
	require.NoError(t, err)
	created(t, sub, "x", "333")

	entries, err := dir.List()
	require.NoError(t, err)
	assert.Equal(t, []disk.Entry{{Name: "a", Size: 1}, {Name: "b", Size: 2}}, entries)
	entries, err = sub.List()
	require.NoError(t, err)
	assert.Equal(t, []disk.Entry{{Name: "x", Size: 3}}, entries)
	assert.Equal(t, filepath.Join(dir.Path("quarantine"), "x"), sub.Path("x"))

	require.NoError(t, os.RemoveAll(dir.Path("")))
	_, err = dir.List()
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, dir.Path(""))
}

// Also on Windows, where that takes some care.
func TestAnOpenFileIsRenamedReplacedAndRemoved(t *testing.T) {
	dir := opened(t, t.TempDir())
	from, to := created(t, dir, "from", "from"), created(t, dir, "to", "to")
	require.NoError(t, dir.Rename("from", "to"))
	assert.Equal(t, "from", content(t, from))
	assert.Equal(t, "to", content(t, to))
	require.NoError(t, dir.Remove("to"))
	_, err := from.WriteAt([]byte("still"), 0)
	require.NoError(t, err)
	assert.Equal(t, "still", content(t, from))
	entries, err := dir.List()
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestErrorsNameThePath(t *testing.T) {
	dir := opened(t, t.TempDir())
	closed := created(t, dir, "closed", "")
	require.NoError(t, closed.Close())
	for name, test := range map[string]struct {
		do   func() error
		is   error
		path string
	}{
		"open":       {func() error { _, err := dir.Open("x"); return err }, fs.ErrNotExist, "x"},
		"remove":     {func() error { return dir.Remove("x") }, fs.ErrNotExist, "x"},
		"rename":     {func() error { return dir.Rename("x", "y") }, fs.ErrNotExist, "x"},
		"outside":    {func() error { return dir.Rename("closed", "../y") }, fs.ErrInvalid, "../y"},
		"below":      {func() error { _, err := dir.Create("a/b"); return err }, fs.ErrInvalid, "a/b"},
		"itself":     {func() error { return dir.Remove(".") }, fs.ErrInvalid, ""},
		"no name":    {func() error { _, err := dir.Sub(""); return err }, fs.ErrInvalid, ""},
		"sub a file": {func() error { _, err := dir.Sub("closed"); return err }, fs.ErrExist, "closed"},
		"read":       {func() error { _, err := closed.ReadAt([]byte("x"), 0); return err }, fs.ErrClosed, "closed"},
		"write":      {func() error { _, err := closed.WriteAt([]byte("x"), 0); return err }, fs.ErrClosed, "closed"},
		"truncate":   {func() error { return closed.Truncate(0) }, fs.ErrClosed, "closed"},
		"sync":       {closed.Sync, fs.ErrClosed, "closed"},
		"size":       {func() error { _, err := closed.Size(); return err }, nil, "closed"},
		"close":      {closed.Close, fs.ErrClosed, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.do()
			require.Error(t, err)
			if test.is != nil {
				assert.ErrorIs(t, err, test.is)
			}
			assert.ErrorContains(t, err, dir.Path(test.path))
			if cause := errors.Unwrap(err); cause != nil {
				assert.NotErrorAs(t, cause, new(*fs.PathError), "once is enough")
				assert.NotErrorAs(t, cause, new(*os.LinkError), "once is enough")
			}
		})
	}
}

func TestADirectoryThatIsGone(t *testing.T) {
	dir := opened(t, filepath.Join(t.TempDir(), "queue"))
	require.NoError(t, os.Remove(dir.Path("")))
	_, err := dir.Create("x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, dir.Path("x"))
	_, err = dir.Free()
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, dir.Path(""))
	if runtime.GOOS != "windows" {
		assert.ErrorIs(t, dir.Sync(), fs.ErrNotExist)
	}
}

func TestAFileIsNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, wrong := range []string{path, filepath.Join(path, "queue")} {
		_, err := disk.OpenDir(wrong)
		require.Error(t, err)
		assert.ErrorContains(t, err, path)
	}
}

func TestAMessageIsReadElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	require.NoError(t, err)
	dir := opened(t, "./data/queue")
	assert.Equal(t, filepath.Join(here, "data", "queue", "x"), dir.Path("x"))
	lock, err := disk.Lock("./data/queue")
	require.NoError(t, err)
	_, err = disk.Lock("./data/queue")
	assert.ErrorContains(t, err, filepath.Join(here, "data", "queue"))
	require.NoError(t, lock.Close())
}

func TestFree(t *testing.T) {
	dir := opened(t, t.TempDir())
	before, err := dir.Free()
	require.NoError(t, err)
	assert.Positive(t, before)
}

func TestFull(t *testing.T) {
	assert.True(t, disk.IsFull(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}))
	assert.True(t, disk.IsFull(fmt.Errorf("flush: %w", errors.Join(errors.New("other"), syscall.ENOSPC))))
	assert.False(t, disk.IsFull(nil))
	assert.False(t, disk.IsFull(io.ErrShortWrite))
	assert.False(t, disk.IsFull(syscall.EIO))
}

func TestADeviceIsFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	_, err = full.Write([]byte("x"))
	assert.True(t, disk.IsFull(err), "%v", err)
	require.NoError(t, full.Close())
}

func TestManyAtOnce(t *testing.T) {
	dir := opened(t, t.TempDir())
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 20 {
				name := fmt.Sprintf("%d-%d", i, j)
				f, err := dir.Create(name + ".new")
				if !assert.NoError(t, err) {
					return
				}
				_, err = f.WriteAt([]byte(name), 0)
				assert.NoError(t, err)
				assert.NoError(t, f.Sync())
				assert.NoError(t, f.Close())
				assert.NoError(t, dir.Rename(name+".new", name))
				assert.NoError(t, dir.Sync())
				_, err = dir.List()
				assert.NoError(t, err)
				assert.NoError(t, dir.Remove(name))
			}
		})
	}
	group.Wait()
}
