package disktest_test

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

// The disk in memory answers as the one of the operating system.
func TestAsARealDisk(t *testing.T) {
	for seed := range 20 {
		actual, err := disk.OpenDir(t.TempDir())
		require.NoError(t, err)
		steps := random(seed)
		pair := [2]*user{{dir: actual}, {dir: disktest.New()}}
		for step := range 300 {
			choices := [6]int{}
			for i := range choices {
				choices[i] = steps.IntN(1 << 20)
			}
			require.Equal(t, pair[0].step(choices), pair[1].step(choices), "seed %d, step %d, %v", seed, step, choices)
		}
		for _, u := range pair {
			for _, f := range u.files {
				_ = f.Close()
			}
		}
	}
}

// user of a disk, who does the same on all.
type user struct {
	dir   disk.Dir
	files []disk.File
}

// step gives all that can be seen of an operation.
func (u *user) step(choices [6]int) []any {
	name, other := strconv.Itoa(choices[1]%4), strconv.Itoa(choices[2]%4)
	switch choices[0] % 8 {
	case 0:
		return []any{"create", u.keep(u.dir.Create(name))}
	case 1:
		return []any{"open", u.keep(u.dir.Open(name))}
	case 2:
		return []any{"rename", class(u.dir.Rename(name, other))}
	case 3:
		return []any{"remove", class(u.dir.Remove(name))}
	case 4:
		entries, err := u.dir.List()
		return []any{"list", entries, class(err), class(u.dir.Sync())}
	}
	if len(u.files) == 0 {
		return nil
	}
	return onFile(u.files[choices[1]%len(u.files)], choices[2:])
}

func (u *user) keep(f disk.File, err error) string {
	if err == nil {
		u.files = append(u.files, f)
	}
	return class(err)
}

func onFile(f disk.File, choices []int) []any {
	offset, b := int64(choices[1]%20000-10), make([]byte, choices[2]%9000)
	switch choices[0] % 10 {
	case 0:
		return []any{"truncate", class(f.Truncate(offset))}
	case 1:
		return []any{"close", class(f.Close())}
	case 2, 3, 4:
		for i := range b {
			b[i] = byte(choices[3] + i)
		}
		n, err := f.WriteAt(b, offset)
		return []any{"write", n, class(err)}
	case 5:
		size, err := f.Size()
		return []any{"size", size, err == nil} // the systems' own words for a closed file
	case 6:
		return []any{"sync", class(f.Sync())}
	}
	n, err := f.ReadAt(b, offset)
	return []any{"read", n, string(b[:n]), class(err)}
}

// class is what may be asked of an error.
func class(err error) string {
	for _, known := range []error{nil, io.EOF, fs.ErrNotExist, fs.ErrClosed} {
		if errors.Is(err, known) {
			if known == nil {
				return "fine"
			}
			return known.Error()
		}
	}
	return "another error"
}
