package disktest

import (
	"slices"
	"sync/atomic"
)

const (
	pageSize   = 4096 // what is allocated at once, and shared between copies
	sectorSize = 512  // what a disk writes whole or not at all
)

// owners numbers the contents: a page is written in place only by its owner.
var owners atomic.Uint64

type page struct {
	owner uint64
	data  [pageSize]byte
}

// content is the bytes of a file. Pages are shared between contents until one
// writes to them. What is beyond the size is zero, a hole has no page. It is
// not safe for concurrent use, but the contents that share its pages may be
// used meanwhile.
type content struct {
	owner uint64
	pages []*page
	used  int64 // pages that are not holes
	size  int64 // bytes
}

// share gives a copy; from now on neither writes to the pages it had.
func (c *content) share() content {
	c.freeze()
	return content{owner: owners.Add(1), pages: slices.Clone(c.pages), used: c.used, size: c.size}
}

// freeze disowns all pages, so that others can have them.
func (c *content) freeze() { c.owner = owners.Add(1) }

// at is a page for reading, nil where there is a hole.
func (c *content) at(i int64) *page {
	if i >= int64(len(c.pages)) {
		return nil
	}
	return c.pages[i]
}

// own is a page for writing.
func (c *content) own(i int64) *page {
	p := c.at(i)
	if p != nil && p.owner == c.owner {
		return p
	}
	mine := &page{owner: c.owner}
	if p != nil {
		mine.data = p.data
	}
	c.set(i, mine)
	return mine
}

func (c *content) set(i int64, p *page) {
	if missing := i + 1 - int64(len(c.pages)); missing > 0 {
		c.pages = append(c.pages, make([]*page, missing)...)
	}
	if c.pages[i] == nil {
		c.used++
	}
	c.pages[i] = p
}

// read gives fewer bytes than b holds only at the end.
func (c *content) read(b []byte, offset int64) int {
	if offset >= c.size {
		return 0
	}
	b = b[:min(int64(len(b)), c.size-offset)]
	for done := 0; done < len(b); {
		i, start := (offset+int64(done))/pageSize, (offset+int64(done))%pageSize
		part := b[done:min(len(b), done+int(pageSize-start))]
		if p := c.at(i); p != nil {
			copy(part, p.data[start:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(b)
}

// write gives fewer bytes than b holds where more than room new pages would be needed.
func (c *content) write(b []byte, offset, room int64) int {
	done := 0
	for done < len(b) {
		i, start := (offset+int64(done))/pageSize, (offset+int64(done))%pageSize
		if c.at(i) == nil {
			if room <= 0 {
				break
			}
			room--
		}
		done += copy(c.own(i).data[start:], b[done:])
	}
	if done > 0 {
		c.size = max(c.size, offset+int64(done))
	}
	return done
}

func (c *content) resize(size int64) {
	if size < c.size {
		keep := min(int64(len(c.pages)), (size+pageSize-1)/pageSize)
		for _, p := range c.pages[keep:] {
			if p != nil {
				c.used--
			}
		}
		clear(c.pages[keep:])
		c.pages = c.pages[:keep]
		if i, start := size/pageSize, size%pageSize; start != 0 && c.at(i) != nil {
			clear(c.own(i).data[start:])
		}
	}
	c.size = size
}

// take copies sectors of one page, which from has and keeps frozen.
func (c *content) take(from *content, i int64, which sectors) {
	switch which {
	case 0:
	case allSectors:
		c.set(i, from.at(i))
	default:
		source, target := from.at(i), c.own(i)
		for s := range pageSize / sectorSize {
			if which&(1<<s) != 0 {
				copy(target.data[s*sectorSize:(s+1)*sectorSize], source.data[s*sectorSize:])
			}
		}
	}
}
