package mshipstorage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
)

// storageExtension opens a store in its directory, which it locks.
type storageExtension struct {
	cfg *Config
	set extension.Settings

	mu    sync.Mutex
	store *store.Store
	lock  io.Closer
	tel   *telemetry
}

var _ storage.Extension = (*storageExtension)(nil)

// Start implements component.Component. It fails if another process has the
// directory, or a newer release wrote it; damage does not keep it from starting.
func (e *storageExtension) Start(context.Context, component.Host) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.store != nil {
		return errors.New("the storage extension is started already")
	}
	dir, err := disk.OpenDir(e.cfg.Directory)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	lock, err := disk.Lock(e.cfg.Directory)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if err := e.open(dir); err != nil {
		return errors.Join(err, lock.Close())
	}
	e.lock = lock
	return nil
}

// open opens the store in a directory that is ours.
func (e *storageExtension) open(dir disk.Dir) (err error) {
	if e.tel, err = newTelemetry(e.set.TelemetrySettings, e.set.ID); err != nil {
		return fmt.Errorf("cannot make the metrics: %w", err)
	}
	opened, err := store.Open(e.settings(dir))
	if err != nil {
		e.tel.Shutdown()
		return fmt.Errorf("cannot open the store: %w", err)
	}
	if err := e.tel.watch(opened); err != nil {
		e.tel.Shutdown()
		return errors.Join(fmt.Errorf("cannot make the metrics: %w", err), opened.Close())
	}
	e.store = opened
	return nil
}

func (e *storageExtension) settings(dir disk.Dir) store.Settings {
	return store.Settings{
		Dir:           dir,
		MaxBytes:      e.cfg.MaxBytes,
		MinFreeBytes:  e.cfg.MinFreeBytes,
		SegmentBytes:  e.cfg.segmentBytes(),
		Compress:      e.cfg.Compression == compressionZstd,
		FlushEachItem: e.cfg.Flush == flushItem,
		FlushInterval: e.cfg.FlushInterval,
		Logger:        e.set.Logger,
		Watch:         e.tel.listen(),
	}
}

// Shutdown implements component.Component.
func (e *storageExtension) Shutdown(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.store == nil {
		return nil
	}
	e.tel.Shutdown()
	err := errors.Join(e.store.Close(), e.lock.Close())
	e.store = nil
	return err
}

var errNotStarted = errors.New("the storage extension is not started: list it under service::extensions")

func (e *storageExtension) opened() (*store.Store, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.store == nil {
		return nil, errNotStarted
	}
	return e.store, nil
}

// GetClient implements storage.Extension. Clients of one name share their data.
func (e *storageExtension) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	s, err := e.opened()
	if err != nil {
		return nil, err
	}
	return s.Client(ctx, clientName(kind, id, name))
}

// Reserve promises room for a batch of so many bytes until release is called;
// else its error is storage.ErrStorageFull. Whoever asks before it accepts a
// batch never has to take its word back.
func (e *storageExtension) Reserve(bytes int64) (release func(), err error) {
	s, err := e.opened()
	if err != nil {
		return nil, err
	}
	return s.Reserve(bytes)
}

// Usage is what the store takes on disk, and may take, in bytes; 0 of 0 where it is not open.
func (e *storageExtension) Usage() (used, most int64) {
	s, err := e.opened()
	if err != nil {
		return 0, 0
	}
	used, _ = s.Size()
	return used, e.cfg.MaxBytes
}

// clientName is part of the format: the data stands under it.
func clientName(kind component.Kind, id component.ID, name string) string {
	parts := []string{strings.ToLower(kind.String()), id.String()}
	if name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}
