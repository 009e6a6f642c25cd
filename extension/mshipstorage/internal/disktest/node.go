package disktest

import (
	"maps"
	"math/rand/v2"
)

// node is a file, whatever it is called. Its drive's lock guards it.
type node struct {
	path   string // where it is, or was last, in the tree
	linked bool   // it has a name
	open   int    // handles

	written content // what everybody reads
	durable content // what was flushed
	// What is written but not durable: these sectors, and all that was cut off
	// when the file was shorter for a while.
	dirty    sectorMap
	lost     sectorMap // their flush failed: no later one writes them
	shortest int64     // bytes, since the last flush
}

// newNode is a file with a name and durable bytes.
func newNode(path string, durable content) *node {
	written := durable.share()
	return &node{
		path: path, linked: true,
		written: written, durable: durable,
		dirty: sectorMap{}, lost: sectorMap{}, shortest: durable.size,
	}
}

func (n *node) write(b []byte, offset, room int64) int {
	done := n.written.write(b, offset, room)
	if done > 0 {
		n.dirty.add(offset, offset+int64(done))
	}
	return done
}

func (n *node) truncate(size int64) {
	n.written.resize(size)
	n.dirty.cut(size)
	n.lost.cut(size)
	n.shortest = min(n.shortest, size)
}

// flush makes durable what was written, but for what is lost.
func (n *node) flush() {
	n.durable.resize(n.shortest)
	n.durable.resize(n.written.size)
	n.written.freeze()
	for i, which := range n.dirty {
		n.lost.drop(i, which) // it was written again
		if n.lost[i] == 0 {
			which = allSectors // the others are the same, and a shared page costs nothing
		}
		n.durable.take(&n.written, i, which)
	}
	clear(n.dirty)
	n.shortest = n.written.size
}

// lose is a flush that failed as it does on Linux: the pages count as clean.
func (n *node) lose() {
	for i, which := range n.dirty {
		n.lost[i] |= which
	}
	clear(n.dirty)
}

// killed is a copy of all there is.
func (n *node) killed() *node {
	return &node{
		path: n.path, linked: n.linked,
		written: n.written.share(), durable: n.durable.share(),
		dirty: maps.Clone(n.dirty), lost: maps.Clone(n.lost), shortest: n.shortest,
	}
}

// crashed is what a power cut leaves. Without r that is what was flushed.
func (n *node) crashed(r *rand.Rand) content {
	image := n.durable.share()
	if r == nil || n.clean() {
		return image
	}
	size := image.size
	if n.shortest == size || r.IntN(2) == 0 { // a truncation may not have happened
		image.resize(n.shortest)
		size = between(r, n.shortest, n.written.size)
	}
	image.resize(max(image.size, n.written.size))
	n.written.freeze()
	n.survive(r, &image)
	image.resize(size)
	return image
}

func (n *node) clean() bool {
	return len(n.dirty)+len(n.lost) == 0 && n.shortest == n.durable.size && n.written.size == n.durable.size
}

// survive lets all, none or, mostly, a random choice of what was not flushed reach the disk.
func (n *node) survive(r *rand.Rand, image *content) {
	luck := r.IntN(4)
	if luck == 0 {
		return
	}
	risk := maps.Clone(n.dirty)
	for i, which := range n.lost {
		risk[i] |= which
	}
	for _, i := range risk.pages() {
		which := risk[i]
		if luck > 1 {
			which &= sectors(r.Uint32())
		}
		image.take(&n.written, i, which)
	}
}

// between is often one of the ends.
func between(r *rand.Rand, a, b int64) int64 {
	a, b = min(a, b), max(a, b)
	switch r.IntN(4) {
	case 0:
		return a
	case 1:
		return b
	default:
		return a + r.Int64N(b-a+1)
	}
}
