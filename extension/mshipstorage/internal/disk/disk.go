// Package disk is the little that the store asks of a file system, so that a
// test can cut its power, fill it and damage it. No promise is made here that
// a POSIX file system does not keep: what was not flushed may be gone or torn
// after a power cut, in any order.
package disk

import "io"

// Dir is a directory of the store. Names are plain file names in it. It is
// safe for concurrent use. Its errors name the path.
type Dir interface {
	// Create makes an empty file (mode 0600), or empties the one that is there.
	Create(name string) (File, error)
	// Open opens a file that is there, for reading and writing.
	Open(name string) (File, error)
	// Rename moves a file within the directory, onto another one if need be.
	Rename(from, to string) error
	// Remove deletes a file. A file that is not there is an error (fs.ErrNotExist).
	Remove(name string) error
	// List gives what is in the directory, in order of the names, without its subdirectories.
	List() ([]Entry, error)
	// Sync makes what was created, renamed and removed durable. Where an
	// operating system cannot do that (Windows), it does nothing.
	Sync() error
	// Sub gives a directory in this one, and makes it (mode 0700) if need be.
	Sub(name string) (Dir, error)
	// Free is how many bytes of its file system are free for us.
	Free() (int64, error)
	// Path is the full path of a name, for messages.
	Path(name string) string
}

// Entry is a file of a directory.
type Entry struct {
	Name string
	// Size in bytes.
	Size int64
}

// File is an open file. Reads and writes may be concurrent where they do not overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the bytes, and the size that is needed to read them, durable.
	// After an error nothing that was not flushed before can be trusted.
	Sync() error
	Truncate(size int64) error
	// Size of the file in bytes.
	Size() (int64, error)
}
