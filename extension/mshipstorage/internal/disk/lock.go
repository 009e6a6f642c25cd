package disk

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gofrs/flock"
)

// LockName is the file of a directory that Lock locks. It stays there, empty.
const LockName = "lock"

// ErrInUse is why a directory cannot be locked.
var ErrInUse = errors.New("another process uses the directory")

// Lock keeps other processes, and other callers, out of a directory until it is
// closed, or the process is gone, however it ended. It does not wait.
func Lock(path string) (io.Closer, error) {
	name, err := filepath.Abs(filepath.Join(path, LockName))
	if err != nil {
		return nil, fmt.Errorf("full path of directory %s: %w", path, err)
	}
	lock := flock.New(name, flock.SetPermissions(fileMode))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %s (stop that one, or give each a directory of its own)", ErrInUse, filepath.Dir(name))
	}
	return lock, nil
}
