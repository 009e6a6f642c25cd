package disktest

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

// root is where the tree hangs, in messages.
const root = "/memory"

// directory is a disk.Dir.
type directory struct {
	drive   *drive
	path    string           // in the tree, "" is the root
	entries map[string]*node // what everybody sees
	durable map[string]*node // what was flushed
	pending []operation      // what leads from durable to entries
}

// operation changes the names in a directory.
type operation struct {
	kind     Kind
	name, to string
	node     *node // of a Create
}

func (o operation) apply(entries map[string]*node) {
	switch o.kind {
	case Create:
		entries[o.name] = o.node
	case Rename:
		entries[o.to] = entries[o.name]
		delete(entries, o.name)
	default: // Remove
		delete(entries, o.name)
	}
}

func (d *directory) Create(name string) (disk.File, error) {
	if err := d.check(name); err != nil {
		return nil, d.fail("create", name, err)
	}
	if err := d.drive.ask(Change{Kind: Create, Name: d.in(name)}); err != nil {
		return nil, d.fail("create", name, err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	n := d.entries[name]
	if n != nil {
		d.drive.account(n, func() { n.truncate(0) })
		return newHandle(d.drive, n), nil
	}
	n = newNode(d.in(name), content{})
	d.do(operation{kind: Create, name: name, node: n})
	return newHandle(d.drive, n), nil
}

func (d *directory) Open(name string) (disk.File, error) {
	if err := d.check(name, name); err != nil {
		return nil, d.fail("open", name, err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	n := d.entries[name]
	if n == nil {
		return nil, d.fail("open", name, fs.ErrNotExist)
	}
	return newHandle(d.drive, n), nil
}

func (d *directory) Rename(from, to string) error {
	if err := d.check(to, from); err != nil {
		return d.fail("rename", from, err)
	}
	if from == to {
		return nil
	}
	if err := d.drive.ask(Change{Kind: Rename, Name: d.in(from), To: d.in(to)}); err != nil {
		return d.fail("rename", from, err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	n := d.entries[from]
	if n == nil {
		return d.fail("rename", from, fs.ErrNotExist)
	}
	d.unlink(to)
	n.path = d.in(to)
	d.do(operation{kind: Rename, name: from, to: to})
	return nil
}

func (d *directory) Remove(name string) error {
	if err := d.check(name, name); err != nil {
		return d.fail("remove", name, err)
	}
	if err := d.drive.ask(Change{Kind: Remove, Name: d.in(name)}); err != nil {
		return d.fail("remove", name, err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	if d.entries[name] == nil {
		return d.fail("remove", name, fs.ErrNotExist)
	}
	d.unlink(name)
	d.do(operation{kind: Remove, name: name})
	return nil
}

func (d *directory) List() ([]disk.Entry, error) {
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	entries := make([]disk.Entry, 0, len(d.entries))
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		entries = append(entries, disk.Entry{Name: name, Size: d.entries[name].written.size})
	}
	return entries, nil
}

func (d *directory) Sync() error {
	if err := d.drive.ask(Change{Kind: SyncDir, Name: path.Join(".", d.path)}); err != nil {
		return d.fail("sync", "", err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	d.flush()
	return nil
}

func (d *directory) Sub(name string) (disk.Dir, error) {
	if err := plain(name); err != nil {
		return nil, d.fail("mkdir", name, err)
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	if d.entries[name] != nil {
		return nil, d.fail("mkdir", name, syscall.ENOTDIR)
	}
	return d.drive.enter(d.in(name)), nil
}

func (d *directory) Free() (int64, error) {
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	if d.drive.limit < 0 {
		return plenty, nil
	}
	return max(0, d.drive.limit-d.drive.used*pageSize), nil
}

func (d *directory) Path(name string) string { return path.Join(root, d.path, name) }

// in is a name's path in the tree.
func (d *directory) in(name string) string { return path.Join(d.path, name) }

func (d *directory) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}

// check is for what a file is to be called, and for the files that must be there.
func (d *directory) check(name string, there ...string) error {
	if err := plain(name); err != nil {
		return err
	}
	d.drive.mu.Lock()
	defer d.drive.mu.Unlock()
	if d.drive.directories[d.in(name)] != nil {
		return syscall.EISDIR
	}
	for _, file := range there {
		if d.entries[file] == nil {
			return fs.ErrNotExist
		}
	}
	return nil
}

func (d *directory) do(o operation) {
	o.apply(d.entries)
	d.pending = append(d.pending, o)
}

// unlink takes the name off a file; the operation that does so is the caller's.
func (d *directory) unlink(name string) {
	if n := d.entries[name]; n != nil {
		n.linked = false
		d.drive.release(n)
	}
}

func (d *directory) flush() {
	d.durable = maps.Clone(d.entries)
	d.pending = nil
}

func plain(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return fs.ErrInvalid
	}
	return nil
}
