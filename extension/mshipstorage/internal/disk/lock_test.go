package disk_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

// other starts a process that locks a directory, and gives what it says.
func other(t *testing.T, path string) (process *exec.Cmd, stdin io.Closer, says string) {
	t.Helper()
	process = exec.Command(os.Args[0])
	process.Env = append(os.Environ(), holder+"="+path)
	stdin, err := process.StdinPipe()
	require.NoError(t, err)
	stdout, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	says, err = bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return process, stdin, strings.TrimSpace(says)
}

func TestALockIsForOne(t *testing.T) {
	dir := t.TempDir()
	lock, err := disk.Lock(dir)
	require.NoError(t, err)

	_, err = disk.Lock(dir)
	require.ErrorIs(t, err, disk.ErrInUse, "not even for the same process")
	assert.ErrorContains(t, err, dir)
	assert.ErrorContains(t, err, "stop that one")
	elsewhere, err := disk.Lock(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, elsewhere.Close())

	_, _, says := other(t, dir)
	assert.Contains(t, says, disk.ErrInUse.Error())
	require.NoError(t, lock.Close())
	_, _, says = other(t, dir)
	assert.Equal(t, "locked", says)
}

func TestALockEndsWithItsProcess(t *testing.T) {
	for name, end := range map[string]func(*exec.Cmd, io.Closer) error{
		"in order": func(_ *exec.Cmd, stdin io.Closer) error { return stdin.Close() },
		"killed":   func(process *exec.Cmd, _ io.Closer) error { return process.Process.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			process, stdin, says := other(t, dir)
			require.Equal(t, "locked", says)
			_, err := disk.Lock(dir)
			require.ErrorIs(t, err, disk.ErrInUse)

			require.NoError(t, end(process, stdin))
			_ = process.Wait()
			lock, err := disk.Lock(dir)
			require.NoError(t, err)
			require.NoError(t, lock.Close())
		})
	}
}

func TestNoLockWithoutADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	_, err := disk.Lock(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.NotErrorIs(t, err, disk.ErrInUse)
	assert.ErrorContains(t, err, filepath.Join(dir, disk.LockName))
}
