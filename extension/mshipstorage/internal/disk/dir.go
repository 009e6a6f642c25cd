package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What we make is for us alone. What is there already keeps its mode.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// OpenDir gives a directory, and makes it, durably, if need be.
func OpenDir(path string) (Dir, error) {
	path, err := filepath.Abs(path) // a message is read elsewhere
	if err != nil {
		return nil, fmt.Errorf("full path of directory %s: %w", path, err)
	}
	if err := makeDirs(path); err != nil {
		return nil, err
	}
	return directory(path), nil
}

// directory is a Dir by its full path. It holds nothing open. What changes
// names goes by os.Root, as only that does on Windows what POSIX promises: an
// open file may be renamed, replaced and removed.
type directory string

func (d directory) Create(name string) (File, error) {
	return d.open("create", name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (d directory) Open(name string) (File, error) {
	return d.open("open", name, os.O_RDWR)
}

func (d directory) open(op, name string, flags int) (File, error) {
	var opened *os.File
	err := d.do(op, name, func(root *os.Root) (err error) {
		opened, err = root.OpenFile(name, flags, fileMode)
		return err
	})
	if err != nil {
		return nil, err
	}
	return file{opened}, nil
}

func (d directory) Rename(from, to string) error {
	if err := d.plain("rename", to); err != nil {
		return err
	}
	return d.do("rename", from, func(root *os.Root) error { return root.Rename(from, to) })
}

func (d directory) Remove(name string) error {
	return d.do("remove", name, func(root *os.Root) error { return root.Remove(name) })
}

func (d directory) List() ([]Entry, error) {
	found, err := os.ReadDir(string(d))
	if err != nil {
		return nil, d.fail("list", "", err)
	}
	entries := make([]Entry, 0, len(found))
	for _, e := range found {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, d.fail("stat", e.Name(), err)
		}
		entries = append(entries, Entry{Name: e.Name(), Size: info.Size()})
	}
	return entries, nil
}

func (d directory) Sync() error { return syncDir(string(d)) }

func (d directory) Sub(name string) (Dir, error) {
	if err := d.plain("mkdir", name); err != nil {
		return nil, err
	}
	return OpenDir(d.Path(name))
}

func (d directory) Free() (int64, error) {
	free, err := freeBytes(string(d))
	if err != nil {
		return 0, d.fail("statfs", "", err)
	}
	return free, nil
}

func (d directory) Path(name string) string { return filepath.Join(string(d), name) }

// do has something done to a file by its name.
func (d directory) do(op, name string, what func(*os.Root) error) error {
	if err := d.plain(op, name); err != nil {
		return err
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return d.fail(op, name, err)
	}
	defer root.Close() //nolint:errcheck // nothing was written through it
	if err := what(root); err != nil {
		return d.fail(op, name, err)
	}
	return nil
}

func (d directory) plain(op, name string) error {
	if !filepath.IsLocal(name) || filepath.Base(name) != name || name == "." {
		return d.fail(op, name, fs.ErrInvalid)
	}
	return nil
}

// fail names the full path, where os.Root has only the file's name.
func (d directory) fail(op, name string, err error) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &linkErr):
		err = linkErr.Err
	}
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}

// makeDirs makes a directory and those above it that are not there, durably:
// all else that we flush would be gone with one of them.
func makeDirs(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(path)
	if above != path {
		if err := makeDirs(above); err != nil {
			return err
		}
	}
	err := os.Mkdir(path, dirMode)
	if errors.Is(err, fs.ErrExist) {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return nil // somebody else made it meanwhile
		}
	}
	if err != nil {
		return err
	}
	return syncDir(above)
}
