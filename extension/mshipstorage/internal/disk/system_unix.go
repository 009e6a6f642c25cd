//go:build unix

package disk

import (
	"errors"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncDir makes the names in a directory durable, where its file system can do that.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // some file systems on a network, or in user space
	}
	return errors.Join(err, dir.Close())
}

// freeBytes is what may be written to a file system by who is not root.
func freeBytes(path string) (int64, error) {
	var stat unix.Statfs_t
	if err := uninterrupted(func() error { return unix.Statfs(path, &stat) }); err != nil {
		return 0, err
	}
	return product(stat.Bavail, stat.Bsize), nil
}

// product of a number of blocks, which FreeBSD has below zero where the reserve
// is in use, and their size: each system has other types for them.
func product[B, S int32 | uint32 | int64 | uint64](blocks B, size S) int64 {
	switch {
	case blocks <= 0 || size <= 0:
		return 0
	case uint64(blocks) > math.MaxInt64/uint64(size):
		return math.MaxInt64
	}
	return int64(blocks) * int64(size)
}

// uninterrupted repeats a system call that a signal ended.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// noSpace is what a full disk, or our share of it, says.
var noSpace = []error{syscall.ENOSPC, syscall.EDQUOT}
