package disk

import (
	"io/fs"
	"os"
	"syscall"
)

// flush leaves out the times of the file, which may cost a second write.
func flush(f *os.File) error {
	conn, err := f.SyscallConn() // it keeps the file open meanwhile
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = uninterrupted(func() error { return syscall.Fdatasync(int(fd)) })
	})
	if err != nil {
		return fs.ErrClosed // nothing else ends it, but it says so in its own way
	}
	return failed
}
