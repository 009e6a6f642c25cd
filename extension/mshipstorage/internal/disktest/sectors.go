package disktest

import (
	"maps"
	"slices"
)

// sectors is a set of the sectors of a page, a bit for each.
type sectors uint8

const allSectors = ^sectors(0)

// below is the sectors that the first bytes of a page touch.
func below(bytes int64) sectors {
	touched := (max(0, min(pageSize, bytes)) + sectorSize - 1) / sectorSize
	return 1<<touched - 1
}

// sectorMap is a set of the sectors of a file, by page.
type sectorMap map[int64]sectors

// add puts in what the bytes from offset to end touch.
func (m sectorMap) add(offset, end int64) {
	for i := offset / pageSize; i*pageSize < end; i++ {
		before := max(0, offset-i*pageSize) / sectorSize
		m[i] |= below(end-i*pageSize) &^ (1<<before - 1)
	}
}

func (m sectorMap) drop(i int64, which sectors) {
	if m[i] &^= which; m[i] == 0 {
		delete(m, i)
	}
}

// cut drops what is wholly beyond a size.
func (m sectorMap) cut(size int64) {
	for i := range m {
		m.drop(i, ^below(size-i*pageSize))
	}
}

// pages is in order, so that the same random numbers always mean the same.
func (m sectorMap) pages() []int64 { return slices.Sorted(maps.Keys(m)) }
