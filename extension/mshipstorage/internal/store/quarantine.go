package store

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// quarantineDir is where damaged bytes are put aside.
const quarantineDir = "quarantine"

// quarantineShare of max_bytes is what it may hold, 1/n.
const quarantineShare = 16

// partSuffix is what a copy is called that is not complete.
const partSuffix = ".part"

// sector is the piece in which a disk fails to read.
const sector = 4096

// quarantine is a directory of damaged bytes, one file for each piece.
type quarantine struct {
	aside     disk.Dir
	known     map[string]bool
	asideUsed int64
}

func (s *Store) openQuarantine() error {
	aside, err := s.dir.Sub(quarantineDir)
	if err != nil {
		return err
	}
	entries, err := aside.List()
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		// What stands there is taken for safe; after a kill it need not be.
		if err := s.flushNames(aside); err != nil {
			return err
		}
	}
	s.aside, s.known = aside, map[string]bool{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name, partSuffix) && aside.Remove(e.Name) == nil {
			continue // the power was cut meanwhile; it is copied again
		}
		s.known[e.Name] = true
		s.asideUsed += e.Size
	}
	s.used += s.asideUsed
	return nil
}

var errNoQuarantine = errors.New("the quarantine could not be opened at start")

// damagedRange counts, copies and reports damaged bytes, once. The copy is on
// disk when it returns without an error. what says what is lost.
func (s *Store) damagedRange(seg *segment, f disk.File, r record.Range, what string) error {
	name := fmt.Sprintf("%010d-%010d-%d.raw", seg.id, r.From, r.Len())
	if s.known[name] {
		return nil
	}
	err := s.putAside(name, f, r)
	fields := []zap.Field{
		zap.String("file", s.dir.Path(seg.name)), zap.Int64("offset", r.From), zap.Int64("length", r.Len()), zap.String("what", what),
	}
	if err != nil {
		s.set.Logger.Error("stored bytes are damaged, and cannot be copied to quarantine", append(fields, zap.Error(err))...)
		return err
	}
	s.known[name] = true
	s.set.Logger.Error("stored bytes are damaged; they are not delivered, a copy is in quarantine", append(fields, zap.String("copy", s.aside.Path(name)))...)
	if s.set.Watch.Damaged != nil {
		s.set.Watch.Damaged(r.Len())
	}
	if s.set.Watch.Quarantined != nil {
		s.set.Watch.Quarantined()
	}
	return nil
}

// note leaves an empty file of that name, so that the next start knows.
func (s *Store) note(name string) error {
	if s.aside == nil {
		return errNoQuarantine
	}
	f, err := s.aside.Create(name)
	if err != nil {
		return err
	}
	s.known[name] = true
	return f.Close()
}

func (s *Store) putAside(name string, f disk.File, r record.Range) error {
	if s.aside == nil {
		return errNoQuarantine
	}
	if s.asideUsed+r.Len() > s.set.MaxBytes/quarantineShare {
		return fmt.Errorf("%s holds %d bytes, a sixteenth of max_bytes is its limit: look at what is in it and remove it", s.aside.Path(""), s.asideUsed)
	}
	part := name + partSuffix
	out, err := s.aside.Create(part)
	if err != nil {
		return err
	}
	_, err = out.WriteAt(salvage(f, r), 0)
	if err == nil {
		err = s.flushFile(out)
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = s.aside.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, s.aside.Remove(part))
	}
	if err = s.flushNames(s.aside); err != nil {
		return err
	}
	s.asideUsed += r.Len()
	s.used += r.Len()
	return nil
}

// salvage reads what can be read; the rest is zero.
func salvage(f disk.File, r record.Range) []byte {
	b := make([]byte, r.Len())
	for at := int64(0); at < r.Len(); at += sector {
		piece := b[at:min(at+sector, r.Len())]
		if n, err := f.ReadAt(piece, r.From+at); err != nil && !errors.Is(err, io.EOF) {
			clear(piece[n:])
		}
	}
	return b
}
