package store

import (
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// The reasons for which new data is refused, as mship_store_refused_total names them.
const (
	RefusedMaxBytes = "max_bytes"
	RefusedMinFree  = "min_free_bytes"
	RefusedDiskFull = "disk_full"
)

// frame is what a batch costs beside its values, in bytes, generously: its
// head, the queue's metadata with all that is in flight, and the mark.
const frame = 1024

// Reserve promises room for a batch of so many bytes until release is called,
// or says with [storage.ErrStorageFull] that it would be refused. Compression is not
// counted on. What others write without a promise may still take the room.
func (s *Store) Reserve(bytes int64) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	promised := bytes + frame
	if err := s.admit(s.reserved + promised + s.set.SegmentBytes/16); err != nil {
		return nil, err
	}
	s.reserved += promised
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reserved -= promised
		promised = 0
	}, nil
}

// admit refuses new data where there is no room for so many bytes.
func (s *Store) admit(bytes int64) error {
	if reason, err := s.room(bytes); err != nil {
		return s.refuse(reason, err)
	}
	return nil
}

// room tells whether there is room for so many bytes of new data, and if not, why.
func (s *Store) room(bytes int64) (reason string, err error) {
	grows := bytes + record.MarkSize
	if a := s.active; a != nil && a.end+grows <= a.size {
		grows = 0 // it is written over what is there
	}
	if s.used+grows > s.set.MaxBytes {
		return RefusedMaxBytes, fmt.Errorf("%d bytes do not fit: %s holds %d of max_bytes %d; raise max_bytes, or find out why the queue does not drain: %w",
			bytes, s.dir.Path(""), s.used, s.set.MaxBytes, storage.ErrStorageFull)
	}
	free, err := s.dir.Free()
	if err != nil {
		// Not to know is no reason to refuse: a write that does not fit fails by itself.
		return "", nil //nolint:nilerr // see above
	}
	if free-grows < s.set.MinFreeBytes {
		reason := RefusedMinFree
		if s.set.MinFreeBytes == 0 {
			reason = RefusedDiskFull
		}
		return reason, fmt.Errorf("%d bytes do not fit: the file system of %s has %d bytes free, min_free_bytes is %d; make room on it: %w",
			bytes, s.dir.Path(""), free, s.set.MinFreeBytes, storage.ErrStorageFull)
	}
	return "", nil
}

// refusal is the error for a write that failed.
func (s *Store) refusal(err error, must bool) error {
	if must || !disk.IsFull(err) {
		return err
	}
	return s.refuse(RefusedDiskFull, fmt.Errorf("%w: %w", storage.ErrStorageFull, err))
}

// refuse counts a refusal, and tells of the first one.
func (s *Store) refuse(reason string, err error) error {
	if s.set.Watch.Refused != nil {
		s.set.Watch.Refused(reason)
	}
	if !s.full {
		s.full = true
		s.set.Logger.Warn("the store is full: new data is refused, what it holds is delivered", zap.String("reason", reason), zap.Error(err))
	}
	s.wakeUp()
	return err
}

// roomAgain tells that new data was taken after a refusal.
func (s *Store) roomAgain() {
	if s.full {
		s.full = false
		s.set.Logger.Info("the store takes new data again", zap.Int64("bytes", s.used))
	}
}
