package disktest

import (
	"math"
	"sync"
)

// plenty is what is free on a disk without a limit.
const plenty = int64(1) << 50

// drive is what all directories of a disk have in common.
type drive struct {
	mu          sync.Mutex // guards all below, and all directories and nodes
	directories map[string]*directory
	used        int64 // pages
	limit       int64 // bytes, negative is none
	onChange    func(Change) error
	onRead      func(name string, offset, length int64) error
}

func newDrive() *drive {
	d := &drive{directories: map[string]*directory{}, limit: -1}
	d.enter("")
	return d
}

// enter gives a directory, and makes it if need be.
func (d *drive) enter(path string) *directory {
	dir := d.directories[path]
	if dir == nil {
		dir = &directory{drive: d, path: path, entries: map[string]*node{}, durable: map[string]*node{}}
		d.directories[path] = dir
	}
	return dir
}

// ask calls the hook, without the lock.
func (d *drive) ask(c Change) error {
	d.mu.Lock()
	hook := d.onChange
	d.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(c)
}

// askRead is ask for a read.
func (d *drive) askRead(name string, offset, length int64) error {
	d.mu.Lock()
	hook := d.onRead
	d.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(name, offset, length)
}

// room is how many pages may still be allocated.
func (d *drive) room() int64 {
	if d.limit < 0 {
		return math.MaxInt64
	}
	return max(0, d.limit/pageSize-d.used)
}

// account notes what change does to the space of a file.
func (d *drive) account(n *node, change func()) {
	before := n.written.used
	change()
	d.used += n.written.used - before
}

// release gives back the space of a file that has neither a name nor a handle.
func (d *drive) release(n *node) {
	if !n.linked && n.open == 0 {
		d.used -= n.written.used
	}
}
