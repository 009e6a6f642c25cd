// Package disktest is a disk in memory, whose power can be cut at any instant.
//
// It keeps no promise that a POSIX file system does not make. It is harsher
// than most: a file that was flushed is gone if its directory was not.
package disktest

import (
	"math/rand/v2"
	"path"
	"slices"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

var _ disk.Dir = (*Memory)(nil)

// Memory is the root directory of a disk. Its files are what was written to
// them (by File) and what of that is durable: File.Sync flushes bytes and size,
// Dir.Sync what was created, renamed and removed in that directory. That a
// subdirectory was made (Sub) is durable at once. It is safe for concurrent
// use, also from its hooks.
type Memory struct{ *directory }

// New gives an empty disk without a limit.
func New() *Memory { return newDrive().memory() }

// Kill gives a copy as SIGKILL leaves it: all that was written is there, and
// what was not flushed is still at risk. No file is open, and hooks are not
// copied; the limit is.
func (m *Memory) Kill() *Memory {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	return m.drive.killed().memory()
}

// Crash gives a copy as a power cut leaves it; all of it is durable. No file is
// open, and hooks are not copied; the limit is.
//
// Without r nothing survives that was not flushed. With r it depends:
//   - each sector (512 bytes) of a file that was written and not flushed is on
//     the disk or is not: then it has its old bytes, or zeros;
//   - the size of a file is what was flushed, what was written or between; a
//     truncation that was not flushed may not have happened;
//   - of the operations in a directory that were not flushed the first few have
//     happened, in their order.
//
// The same r and the same disk give the same copy.
func (m *Memory) Crash(r *rand.Rand) *Memory {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	return m.drive.crashed(r).memory()
}

// OnChange has hook called before each operation that changes something; nil
// ends that. Where it returns an error the operation fails with that, and
// changes nothing; see Change.Torn and Change.Lost for worse. An operation that
// cannot succeed anyway (no such file, closed) is not asked about; one that
// finds the disk full is. The hook may use the disk, or copy it: the operation
// has not happened yet.
func (m *Memory) OnChange(hook func(Change) error) {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	m.drive.onChange = hook
}

// OnRead has hook called before each read of a file, as OnChange. Name is the
// path in the tree; offset and length are in bytes, and may be beyond the end.
func (m *Memory) OnRead(hook func(name string, offset, length int64) error) {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	m.drive.onRead = hook
}

// Limit sets how many bytes the disk holds; less than there is makes it full,
// negative is no limit. A write that needs more writes what fits and fails with
// ENOSPC. Space goes by pages of 4096 bytes: holes and names need none, and
// neither does writing where something was written before. A removed file that
// is open keeps its space.
func (m *Memory) Limit(bytes int64) {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	m.drive.limit = bytes
}

// Total is how many bytes are allocated, in whole pages.
func (m *Memory) Total() int64 {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	return m.drive.used * pageSize
}

// Names gives the paths in the tree of all files, in order.
func (m *Memory) Names() []string {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	var names []string
	for _, dir := range m.drive.directories {
		for name := range dir.entries {
			names = append(names, dir.in(name))
		}
	}
	slices.Sort(names)
	return names
}

// Bytes gives a copy of what was written to a file, by its path in the tree;
// nil where there is none. It asks no hook.
func (m *Memory) Bytes(name string) []byte {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	dir := m.drive.directories[parent(name)]
	if dir == nil || dir.entries[path.Base(name)] == nil {
		return nil
	}
	n := dir.entries[path.Base(name)]
	b := make([]byte, n.written.size)
	n.written.read(b, 0)
	return b
}

// Put gives a file, by its path in the tree, these bytes, durable at once. It
// makes the file if need be, and then flushes its directory. Who has the file
// open sees the new bytes. It asks no hook and heeds no limit.
func (m *Memory) Put(name string, b []byte) {
	m.drive.mu.Lock()
	defer m.drive.mu.Unlock()
	dir, base := m.drive.enter(parent(name)), path.Base(name)
	n := dir.entries[base]
	if n == nil {
		n = newNode(name, content{})
		dir.entries[base] = n
	}
	m.drive.account(n, func() {
		n.truncate(0)
		n.write(b, 0, plenty)
	})
	n.flush()
	if dir.durable[base] != n {
		dir.flush()
	}
}

func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// memory is for a disk that nobody else has yet.
func (d *drive) memory() *Memory { return &Memory{directory: d.directories[""]} }
