package deadletter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// writing begins the names of files that are not whole yet.
const writing = ".writing-"

// place writes a file so that after a power cut it is there whole or not at
// all: under a temporary name, synced, renamed. The folder is synced after.
func place(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), writing+"*") // 0600
	if err != nil {
		return fmt.Errorf("%s (%d bytes): %w", path, len(data), err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s (%d bytes): %w", path, len(data), err)
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// makeFolder makes a folder and what is missing above it, so that a power cut
// leaves its name as well.
func makeFolder(dir string) error {
	var made []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range made {
		if err := syncFolder(filepath.Dir(d)); err != nil && !errors.Is(err, fs.ErrPermission) { // of somebody else's there may be no reading
			return err
		}
	}
	return nil
}

// syncFolder makes renames and removals in the folder durable. Windows cannot
// sync a folder; NTFS journals its names itself.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
