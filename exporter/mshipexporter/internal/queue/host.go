package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// Guard hands exporterhelper's queue a storage client of ours.
type Guard struct {
	// Storage is the extension that the queue is configured to use.
	Storage component.ID
	// Depth hears of everything that comes and goes.
	Depth *Depth
	// Records reads the number of records from a stored item; 0 if it cannot.
	Records func(stored []byte) int
	// Bytes reads how large a stored item was before it was compressed.
	Bytes func(stored []byte) int
	// Opened sees the storage's client before the queue does; nil for nothing.
	Opened func(ctx context.Context, c storage.Client) error
	// Closing is called before the storage's client is closed; nil for nothing.
	Closing func(ctx context.Context)
	// Head is how many bytes at the begin of an item Completed has to see.
	Head int
	// FirstSeen reads when the door took an item, of its first Head bytes; nil for never.
	FirstSeen func(head []byte) (at time.Time, ok bool)
	// Completed gives what is written when an item is done, in the same Batch
	// that deletes it, and is told what became of that; nil for nothing.
	Completed func(head []byte) (riders []*storage.Operation, done func(error))
	// Fresh says what new items have of the wire while older ones wait.
	Fresh Fresh
	// Early hears of each item that has its turn before older ones; nil for nobody.
	Early func()
	// Logger for faults of the storage.
	Logger *zap.Logger

	// readAll has every item read from the storage.
	readAll bool
	// pause between reads, if not pauseBeforeReading: it is slept under the
	// queue's lock, where a test's clock cannot see that everybody waits.
	pause func(context.Context)
}

// Host wraps the host so that the queue finds our client under the storage's name.
func (g Guard) Host(host component.Host) (component.Host, error) {
	ext, ok := host.GetExtensions()[g.Storage]
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: there is no extension %q; define it under extensions and list it under service::extensions", g.Storage)
	}
	inner, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("sending_queue::storage: extension %q cannot store anything; name a storage extension such as mship_storage", g.Storage)
	}
	return &guardedHost{Host: host, id: g.Storage, ext: &extension{Extension: inner, guard: g}}, nil
}

type guardedHost struct {
	component.Host
	id  component.ID
	ext component.Component
}

// GetExtensions implements component.Host.
func (h *guardedHost) GetExtensions() map[component.ID]component.Component {
	all := maps.Clone(h.Host.GetExtensions())
	all[h.id] = h.ext
	return all
}

type extension struct {
	storage.Extension
	guard Guard
}

// GetClient implements storage.Extension.
func (e *extension) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	inner, err := e.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage %q: %w", e.guard.Storage, err)
	}
	r, known, err := restore(ctx, inner)
	if err == nil && e.guard.Opened != nil {
		err = e.guard.Opened(ctx, inner)
	}
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage %q: %w", e.guard.Storage, errors.Join(err, inner.Close(ctx)))
	}
	e.guard.Depth.Add(r.depth())
	firstSeen := e.guard.FirstSeen
	if firstSeen == nil {
		firstSeen = func([]byte) (at time.Time, ok bool) { return at, false }
	}
	pause := e.guard.pause
	if pause == nil {
		pause = pauseBeforeReading
	}
	c := &client{
		pause: pause, Client: inner, depth: e.guard.Depth, records: e.guard.Records, bytes: e.guard.Bytes, logger: e.guard.Logger, restored: r, known: known,
		dispatched: map[string]flight{}, head: e.guard.Head, firstSeen: firstSeen, completed: e.guard.Completed, recent: recent{off: e.guard.readAll}, closing: e.guard.Closing, unread: map[string]bool{}, failed: map[string]bool{}, owed: map[string]bool{},
	}
	if e.guard.Fresh.Share == 0 {
		return c, nil
	}
	turns := newTurns(c, e.guard.Fresh, e.guard.Early)
	turns.recall(ctx, r.metadata)
	return turns, nil
}
