package disk

import (
	"math"
	"syscall"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS has its journal, and no call to flush a directory.
func syncDir(string) error { return nil }

// freeBytes is what our user may still write to the volume.
func freeBytes(path string) (int64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, math.MaxInt64)), nil
}

// noSpace is what a full disk, or our share of it, says. The first is what
// doubles of a disk say everywhere.
var noSpace = []error{
	syscall.ENOSPC,
	windows.ERROR_DISK_FULL,
	windows.ERROR_HANDLE_DISK_FULL,
	windows.ERROR_DISK_QUOTA_EXCEEDED,
}
