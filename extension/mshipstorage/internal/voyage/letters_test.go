package voyage

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// letters are the dead letters. They stand on the real disk of this machine,
// synced by the exporter, so a power cut leaves them as they are.
type letters struct {
	// root is where directories may be made; dir is this one's, once there is one.
	root, dir string
	files     map[string][]byte
}

// clone copies the files that have their final names.
func (l letters) clone() (letters, error) {
	c := letters{root: l.root, files: map[string][]byte{}}
	if l.dir == "" {
		c.files = l.files
		return c, nil
	}
	err := filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return ignoreGone(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(l.dir, path)
		c.files[name] = raw
		return err
	})
	return c, err
}

// ignoreGone: a file of another name may be renamed while the directory is read.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// lay puts the files into a directory.
func (l *letters) lay() (err error) {
	if l.dir != "" {
		return nil
	}
	if l.dir, err = os.MkdirTemp(l.root, "letters-"); err != nil {
		return err
	}
	for name, raw := range l.files {
		path := filepath.Join(l.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (l *letters) remove() error {
	if l.dir == "" {
		return nil
	}
	return os.RemoveAll(l.dir)
}

// parked counts the records among the dead letters.
func (l letters) parked() (map[string]int, error) {
	now, err := l.clone()
	if err != nil {
		return nil, err
	}
	all := map[string]int{}
	for name, raw := range now.files {
		if filepath.Ext(name) != ".jsonl" {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(line))
			if err != nil {
				return nil, err
			}
			for _, record := range names(ld) {
				all[record]++
			}
		}
	}
	return all, nil
}
