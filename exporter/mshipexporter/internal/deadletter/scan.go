package deadletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	// mostAbout is how much is read of what stands beside an entry's data, in bytes.
	mostAbout = 4 << 20
	// settled is how long nobody has touched a file that is taken for a leftover.
	settled = time.Minute
)

var folders = []string{string(delivery.Logs), string(delivery.Metrics), string(delivery.Traces), damagedFolder}

// Open finds what earlier runs have parked, and removes what they left half
// written or half removed: the batch of that is in the queue, or it was to go.
// A folder that cannot be read does not hide the others.
func (s *Store) Open() error {
	err := s.look()
	for _, folder := range folders {
		s.tidy(folder)
	}
	if err != nil {
		return fmt.Errorf("cannot look through the dead letters: %w", err)
	}
	return nil
}

// look has the index follow what people do to the folders by hand.
func (s *Store) look() error {
	s.placing.Lock() // nothing comes or goes meanwhile
	defer s.placing.Unlock()
	var errs []error
	for _, folder := range folders {
		errs = append(errs, s.scan(folder))
	}
	return errors.Join(errs...)
}

// scan compares a folder with the index. Only what is new is looked at.
func (s *Store) scan(folder string) error {
	there, err := s.files(folder)
	if err != nil {
		return err
	}
	for _, it := range s.index.all() {
		if it.folder == folder && !there[it.name+dataExt(folder)] {
			s.index.remove(it.name)
		}
	}
	var fresh []item
	for file := range there {
		name, ok := strings.CutSuffix(file, dataExt(folder))
		if !ok || !IsName(name) || !there[name+aboutExt] {
			continue
		}
		if _, known := s.index.find(name); known {
			continue
		}
		if size, ok := s.measure(folder, name); ok {
			fresh = append(fresh, found(folder, name, size))
		}
	}
	s.index.fill(fresh)
	return nil
}

// files are the names of what is in a folder, of whatever kind.
func (s *Store) files(folder string) (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(s.root(), folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	there := make(map[string]bool, len(entries))
	for _, f := range entries {
		there[f.Name()] = true
	}
	return there, nil
}

// measure is what both files of an entry take; false if one of them is no file.
func (s *Store) measure(folder, name string) (size int64, ok bool) {
	for _, ext := range []string{dataExt(folder), aboutExt} {
		info, err := os.Stat(filepath.Join(s.root(), folder, name+ext))
		if err != nil || !info.Mode().IsRegular() {
			return 0, false
		}
		size += info.Size()
	}
	return size, true
}

// tidy removes leftovers. What somebody touched just now may be another
// process's, in the middle of its work; at the next start it is old.
func (s *Store) tidy(folder string) {
	there, err := s.files(folder)
	if err != nil {
		return // Open has said so
	}
	for file := range there {
		path := filepath.Join(s.root(), folder, file)
		if !leftover(file, folder, there) {
			continue
		}
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()).Abs() >= settled {
			_ = os.Remove(path) // what stays is found again at the next start
		}
	}
}

// leftover tells whether a file is ours and only half of an entry.
func leftover(file, folder string, there map[string]bool) bool {
	if strings.HasPrefix(file, writing) {
		return true
	}
	name, data := strings.CutSuffix(file, dataExt(folder))
	if data {
		return IsName(name) && !there[name+aboutExt]
	}
	name, about := strings.CutSuffix(file, aboutExt)
	return about && IsName(name) && !there[name+dataExt(folder)]
}

func dataExt(folder string) string {
	if folder == damagedFolder {
		return ".bin"
	}
	return ".jsonl"
}

// read reads what stands beside an entry's data. Where the entry lies says more
// than what is written in it.
func (s *Store) read(it item) (e Entry, err error) {
	raw, err := s.readAbout(it)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	s.index.asked(it.name, placed(e, it), err)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("what stands beside the data of dead letter %s cannot be read (export or purge it): %w", it.name, err)
	}
	e = placed(e, it)
	e.Name, e.Sink = it.name, s.settings.Sink
	return e, nil
}

// placed corrects what the entry's folder and its name know better.
func placed(e Entry, it item) Entry {
	if it.folder == damagedFolder {
		e.Reason = Unreadable
	} else {
		e.Signal = delivery.Signal(it.folder)
	}
	if e.First.IsZero() {
		e.First = time.Unix(0, when(it.name)).UTC()
	}
	return e
}

func (s *Store) readAbout(it item) ([]byte, error) {
	f, err := os.Open(filepath.Join(s.root(), it.folder, it.name+aboutExt))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, mostAbout)) // what is longer is no JSON then
}
