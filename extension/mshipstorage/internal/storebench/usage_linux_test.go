package storebench

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// deviceVariable: nothing else writes to the device of the jobs' directories.
const deviceVariable = "MSHIP_BENCH_DEVICE"

// written is how many bytes the device under dir has written, those of the
// file system's journal too, if it is ours alone; otherwise, how many this
// process made the kernel write: whole pages, again with every flush.
func written(dir string) (int64, error) {
	if os.Getenv(deviceVariable) != "" {
		return writtenByDevice(dir)
	}
	return field("/proc/self/io", "write_bytes")
}

func writtenByDevice(dir string) (int64, error) {
	f, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return 0, err
	}
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return 0, err
	}
	b, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(stat.Dev), unix.Minor(stat.Dev)))
	if err != nil {
		return 0, err
	}
	const atSectorsWritten, sector = 6, 512
	sectors, err := strconv.ParseInt(strings.Fields(string(b))[atSectorsWritten], 10, 64)
	return sectors * sector, err
}

// allocated is how many bytes of the disk the files in dir take up.
func allocated(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			if os.IsNotExist(err) {
				return nil // removed meanwhile
			}
			return err
		}
		total += stat.Blocks * 512
		return nil
	})
	return total, err
}

// status of this process, one of its sizes in bytes.
func status(name string) (int64, error) {
	kB, err := field("/proc/self/status", name)
	return kB * 1024, err
}

// resetPeak makes VmHWM begin anew.
func resetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// field is a number in a file of lines "name: number".
func field(file, name string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in %s", name, file)
}
