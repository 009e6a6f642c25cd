package disktest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// killed needs the lock.
func (d *drive) killed() *drive {
	twin, twins := d.empty(), map[*node]*node{}
	copied := func(n *node) *node {
		if n != nil && twins[n] == nil {
			twins[n] = n.killed()
		}
		return twins[n]
	}
	for at, dir := range d.directories {
		to := twin.enter(at)
		for name, n := range dir.entries {
			to.entries[name] = copied(n)
			twin.used += n.written.used
		}
		for name, n := range dir.durable {
			to.durable[name] = copied(n)
		}
		for _, o := range dir.pending {
			o.node = copied(o.node)
			to.pending = append(to.pending, o)
		}
	}
	return twin
}

// crashed needs the lock.
func (d *drive) crashed(r *rand.Rand) *drive {
	after := d.empty()
	for _, at := range slices.Sorted(maps.Keys(d.directories)) {
		to, entries := after.enter(at), d.directories[at].crashed(r)
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			n := newNode(to.in(name), entries[name].crashed(r))
			to.entries[name], to.durable[name] = n, n
			after.used += n.written.used
		}
	}
	return after
}

// crashed is which files a power cut leaves.
func (d *directory) crashed(r *rand.Rand) map[string]*node {
	entries := maps.Clone(d.durable)
	if r == nil {
		return entries
	}
	for _, o := range d.pending[:between(r, 0, int64(len(d.pending)))] {
		o.apply(entries)
	}
	return entries
}

// empty is a disk as large as this one.
func (d *drive) empty() *drive {
	other := newDrive()
	other.limit = d.limit
	return other
}
