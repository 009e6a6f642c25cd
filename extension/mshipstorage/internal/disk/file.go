package disk

import (
	"io/fs"
	"os"
)

// file is a File. The errors of os.File name its full path.
type file struct{ *os.File }

func (f file) Sync() error {
	if err := flush(f.File); err != nil {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
