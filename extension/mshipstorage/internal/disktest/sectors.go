package disktest

import (
	"maps"
	"slices"
)

// sectors is a set of the sectors of a page, a bit for each.
type sectors uint8

const allSectors = ^sectors(0)

// sectorMap is a set of the sectors of a file, by page.
type sectorMap map[int64]sectors

func (m sectorMap) add(offset, end int64) {
	m.each(offset, end, func(i int64, s sectors) { m[i] |= s })
}
func (m sectorMap) remove(offset, end int64) {
	m.each(offset, end, func(i int64, s sectors) { m.drop(i, s) })
}

func (m sectorMap) drop(i int64, which sectors) {
	if m[i] &^= which; m[i] == 0 {
		delete(m, i)
	}
}

// each visits what the bytes from offset to end touch.
func (sectorMap) each(offset, end int64, visit func(int64, sectors)) {
	for i := offset / pageSize; i*pageSize < end; i++ {
		first := max(0, offset-i*pageSize) / sectorSize
		beyond := (min(pageSize, end-i*pageSize) + sectorSize - 1) / sectorSize
		visit(i, sectors(1<<beyond-1<<first))
	}
}

// cut removes what is wholly beyond a size.
func (m sectorMap) cut(size int64) {
	for i := range m {
		keep := (max(0, min(pageSize, size-i*pageSize)) + sectorSize - 1) / sectorSize
		m.drop(i, ^sectors(1<<keep-1))
	}
}

// pages is in order, so that the same random numbers always mean the same.
func (m sectorMap) pages() []int64 { return slices.Sorted(maps.Keys(m)) }
