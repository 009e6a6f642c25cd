package deadletter

import (
	"errors"
	"fmt"
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

// syncFolder makes renames in the folder, and the folder's own name, durable.
// Windows cannot sync a folder; NTFS journals the rename itself.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	for range 3 { // the folder, its sink's and the directory of all
		if err := syncOne(dir); err != nil {
			return err
		}
		dir = filepath.Dir(dir)
	}
	return nil
}

func syncOne(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
