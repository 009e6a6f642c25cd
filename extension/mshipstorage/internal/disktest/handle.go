package disktest

import (
	"io"
	"io/fs"
	"math"
	"path"
	"syscall"
)

// largest is a file's size in bytes beyond which a test is surely wrong.
const largest = int64(1) << 36

// handle is a disk.File.
type handle struct {
	drive  *drive
	node   *node
	closed bool // guarded by the drive's lock
}

// newHandle needs the drive's lock.
func newHandle(d *drive, n *node) *handle {
	n.open++
	return &handle{drive: d, node: n}
}

func (h *handle) ReadAt(b []byte, offset int64) (int, error) {
	name, err := h.name()
	if err == nil && offset < 0 {
		err = fs.ErrInvalid
	}
	if err == nil {
		err = h.drive.askRead(name, offset, int64(len(b)))
	}
	if err != nil {
		return 0, h.fail("read", name, err)
	}
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	n := h.node.written.read(b, offset)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, offset int64) (int, error) {
	name, err := h.name()
	switch {
	case err != nil:
		return 0, h.fail("write", name, err)
	case offset < 0 || offset > math.MaxInt64-int64(len(b)):
		return 0, h.fail("write", name, fs.ErrInvalid)
	case offset+int64(len(b)) > largest:
		return 0, h.fail("write", name, syscall.EFBIG)
	case len(b) == 0:
		return 0, nil
	}
	torn, _, err := judge(h.drive.ask(Change{Kind: Write, Name: name, Offset: offset, Length: int64(len(b))}))
	if err != nil {
		b = b[:min(torn, len(b))]
	}
	n := h.write(b, offset)
	switch {
	case n < len(b):
		return n, h.fail("write", name, syscall.ENOSPC)
	case err != nil:
		return n, h.fail("write", name, err)
	}
	return n, nil
}

func (h *handle) write(b []byte, offset int64) (done int) {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	h.drive.account(h.node, func() { done = h.node.write(b, offset, h.drive.room()) })
	return done
}

func (h *handle) Truncate(size int64) error {
	name, err := h.name()
	if err == nil && size < 0 {
		err = fs.ErrInvalid
	}
	if size > largest {
		err = syscall.EFBIG
	}
	if err == nil {
		err = h.drive.ask(Change{Kind: Truncate, Name: name, Offset: size})
	}
	if err != nil {
		return h.fail("truncate", name, err)
	}
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	h.drive.account(h.node, func() { h.node.truncate(size) })
	return nil
}

func (h *handle) Sync() error {
	name, err := h.name()
	if err != nil {
		return h.fail("sync", name, err)
	}
	_, lost, err := judge(h.drive.ask(Change{Kind: Sync, Name: name}))
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	switch {
	case lost:
		h.node.lose()
	case err == nil:
		h.node.flush()
	}
	if err != nil {
		return h.fail("sync", name, err)
	}
	return nil
}

func (h *handle) Size() (int64, error) {
	name, err := h.name()
	if err != nil {
		return 0, h.fail("stat", name, err)
	}
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	return h.node.written.size, nil
}

func (h *handle) Close() error {
	name, err := h.name()
	if err != nil {
		return h.fail("close", name, err)
	}
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	h.closed = true
	h.node.open--
	h.drive.release(h.node)
	return nil
}

// name is the file's path in the tree, also with fs.ErrClosed.
func (h *handle) name() (string, error) {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	if h.closed {
		return h.node.path, fs.ErrClosed
	}
	return h.node.path, nil
}

func (*handle) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: path.Join(root, name), Err: err}
}
