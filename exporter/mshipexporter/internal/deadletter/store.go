// Package deadletter parks on disk what must not be sent again and must not be dropped.
package deadletter

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// The reasons for which a batch is parked.
const (
	Rejected       = "rejected"
	Poison         = "poison"
	TooLarge       = "too_large"
	Expired        = "expired"
	PartialSuccess = "partial_success"
	// Unreadable are stored bytes that could not be read back.
	Unreadable = "damaged"
)

// Settings of a store.
type Settings struct {
	// Directory of all sinks' dead letters; Sink names the folder below it.
	Directory, Sink string
	// MaxPerHour is how many entries may be parked within an hour; 1 or more.
	MaxPerHour int
	// MaxBytes bounds what all entries take on disk. What is over it is not
	// parked, or, with DropOldest, the oldest entries make room.
	MaxBytes   int64
	DropOldest bool
	// MaxAge removes what was parked longer ago, by the ship's clock; 0 keeps it.
	MaxAge time.Duration
	// OnParked hears of every entry once it is on disk.
	OnParked func(e Entry, path string)
	// OnFailed, if set, hears whenever nothing could be parked: the batch is tried again.
	OnFailed func(err error)
	// OnDropped, if set, hears of what was removed and was not replayed.
	OnDropped func(d Dropped)
}

// Entry is what is known about a dead letter. It stands as JSON beside the data.
type Entry struct {
	// Name of its files, less what follows the dot; unique in a store.
	Name     string          `json:"name"`
	ID       string          `json:"id"`
	Sink     string          `json:"sink"`
	Signal   delivery.Signal `json:"signal"`
	Reason   string          `json:"reason"`
	Status   int             `json:"status,omitempty"`
	Message  string          `json:"message,omitempty"`
	First    time.Time       `json:"first_seen"`
	Parked   time.Time       `json:"parked_at"`
	Attempts int             `json:"attempts"`
	Records  int             `json:"records"`
	Bytes    int             `json:"bytes"`
	// Replays is how often the batch came back from the dead letters before.
	Replays byte `json:"replays"`
	// Parts are the ids of the lines, where they are parts of the batch.
	Parts []string `json:"parts,omitempty"`
}

// Store is the dead letters of one sink. It is safe for concurrent use.
type Store struct {
	settings Settings
	index    index

	// placing: entries come and go one at a time; index has its own lock, taken last.
	placing sync.Mutex

	mu     sync.Mutex
	hour   time.Time
	parked int
}

// New makes a store; it touches the disk only when something is parked.
func New(s Settings) *Store { return &Store{settings: s} }

// Park writes what is left of the batch as one entry: a file of OTLP-JSON, one
// line for each part, and a JSON beside it that says why. When it returns nil
// both are synced under their final names. The same batch parked twice, as
// after a crash, is one entry.
//
// Where MaxPerHour is used up the error's fault is ThisBatch (so that the
// signal is held); anything else, such as a full disk, is a failure that may
// pass.
func (s *Store) Park(b delivery.Batch, reason string, f *delivery.Failure) error {
	err := s.take()
	if err == nil {
		if err = s.park(b, reason, f); err != nil {
			s.giveBack()
		}
	}
	return s.told(err)
}

func (s *Store) park(b delivery.Batch, reason string, f *delivery.Failure) error {
	e := s.entry(b, reason, f)
	var lines []byte
	for _, part := range b.Remains() {
		line, err := part.Payload.MarshalJSON()
		if err != nil {
			return failed(fmt.Errorf("cannot write batch %s as OTLP-JSON: %w", part.ID, err))
		}
		lines = append(append(lines, line...), '\n')
		e.Records += part.Payload.Records()
		e.Bytes += part.Payload.Bytes()
		if part.ID != b.ID {
			e.Parts = append(e.Parts, part.ID.String())
		}
	}
	return s.write(string(b.Payload.Signal()), lines, e)
}

// ParkDamaged puts stored bytes that could not be read aside, as they are. Their
// name has what they hold in it: two at one time are two entries.
func (s *Store) ParkDamaged(d *delivery.Damage) error {
	now, sum := time.Now(), sha256.Sum256(d.Raw)
	e := Entry{
		Name: nameOf(now, delivery.ID(sum[:16])), Sink: s.settings.Sink, Signal: d.Signal, Reason: Unreadable,
		Message: d.Err.Error(), First: now.UTC(), Parked: now.UTC(), Bytes: len(d.Raw),
	}
	return s.told(s.write(damagedFolder, d.Raw, e))
}

func (s *Store) told(err error) error {
	if err != nil && s.settings.OnFailed != nil {
		s.settings.OnFailed(err)
	}
	return err
}

func (s *Store) entry(b delivery.Batch, reason string, f *delivery.Failure) Entry {
	return Entry{
		Name: nameOf(b.History.FirstSeen, b.ID), Replays: b.Replays,
		ID: b.ID.String(), Sink: s.settings.Sink, Signal: b.Payload.Signal(),
		Reason: reason, Status: f.Status, Message: f.Error(),
		First: b.History.FirstSeen.UTC(), Parked: time.Now().UTC(), Attempts: b.History.Attempts,
	}
}

// take counts an entry against the hour, which begins with its first entry.
func (s *Store) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.hour) >= time.Hour || now.Before(s.hour) {
		s.hour, s.parked = now, 0
	}
	if s.parked >= s.settings.MaxPerHour {
		return &delivery.Failure{Fault: delivery.ThisBatch, Message: fmt.Sprintf(
			"%d dead letters within an hour: the signal is held instead; find out why the far end refuses so much, or raise dead_letter::max_per_hour", s.parked)}
	}
	s.parked++
	return nil
}

// giveBack: what could not be written is no entry. A full disk would else use up the hour.
func (s *Store) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = max(s.parked-1, 0)
}

func (s *Store) write(folder string, data []byte, e Entry) error {
	about, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return failed(err)
	}
	it := found(folder, e.Name, int64(len(data)+len(about)))
	it.learn(e)
	s.placing.Lock()
	defer s.placing.Unlock()
	if err := s.makeRoom(it); err != nil {
		return err
	}
	dir := filepath.Join(s.root(), folder)
	path := filepath.Join(dir, e.Name+dataExt(folder))
	if err := s.place(it, path, data, about); err != nil {
		return failed(err)
	}
	s.index.add(it)
	s.settings.OnParked(e, path)
	return nil
}

// place writes both files of an entry: last what makes it one. On a full disk
// the JSON alone may fail; data without it would only fill the disk more.
func (s *Store) place(it item, path string, data, about []byte) error {
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	if err := place(path, data); err != nil {
		return err
	}
	if err := place(filepath.Join(dir, it.name+aboutExt), about); err != nil {
		if _, known := s.index.find(it.name); !known {
			_ = os.Remove(path)
		}
		return err
	}
	return syncFolder(dir)
}

// root is the folder of the sink.
func (s *Store) root() string { return filepath.Join(s.settings.Directory, s.settings.Sink) }

func failed(err error) error {
	return &delivery.Failure{Message: "cannot write a dead letter; the batch stays in the queue: mend dead_letter::directory", Err: err}
}
