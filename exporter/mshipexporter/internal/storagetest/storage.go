// Package storagetest is a storage extension in memory, with faults to order.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// ID under which tests give the storage to an exporter.
var ID = component.MustNewID("file_storage")

// Storage outlives the clients that use it, as a disk does. It is safe for concurrent use.
type Storage struct {
	component.StartFunc
	component.ShutdownFunc

	mu    sync.Mutex
	files map[string]map[string][]byte
	open  map[string]int
	fault func(ops []*storage.Operation) error
}

var _ storage.Extension = (*Storage)(nil)

// New makes an empty storage.
func New() *Storage {
	return &Storage{files: map[string]map[string][]byte{}, open: map[string]int{}}
}

// Fail makes every Batch fail for which fault gives an error, as a whole; nil ends it.
func (s *Storage) Fail(fault func(ops []*storage.Operation) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Full is a fault: a disk without space refuses whatever it would have to keep.
func Full(ops []*storage.Operation) error {
	if slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Set }) {
		return storage.ErrStorageFull
	}
	return nil
}

// Lose forgets what stands under the key, as damage does.
func (s *Storage) Lose(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		delete(file, key)
	}
}

// Items are the values that queues hold under the indexes of their elements.
func (s *Storage) Items() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items [][]byte
	for _, file := range s.files {
		for key, value := range file {
			if _, err := strconv.ParseUint(key, 10, 64); err == nil {
				items = append(items, bytes.Clone(value))
			}
		}
	}
	return items
}

// Value is what stands under the key, of whichever client has it.
func (s *Storage) Value(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.files {
		if value, ok := file[key]; ok {
			return bytes.Clone(value)
		}
	}
	return nil
}

// Copy is what a power cut leaves: the data, and nobody who has it open.
func (s *Storage) Copy() *Storage {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := New()
	for path, file := range s.files {
		c.files[path] = maps.Clone(file) // values are never changed in place
	}
	return c
}

// Open is how many clients are not closed.
func (s *Storage) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, clients := range s.open {
		n += clients
	}
	return n
}

// GetClient implements storage.Extension. One file has one client, as with file_storage.
func (s *Storage) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := kind.String() + "_" + id.String() + "_" + name
	if s.open[path] > 0 {
		return nil, errors.New(path + " is in use")
	}
	if s.files[path] == nil {
		s.files[path] = map[string][]byte{}
	}
	s.open[path]++
	return &client{storage: s, path: path}, nil
}

type client struct {
	storage *Storage
	path    string
	closed  bool
}

var errClosed = errors.New("the storage client is closed")

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *client) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.closed {
		return errClosed
	}
	if c.storage.fault != nil {
		if err := c.storage.fault(ops); err != nil {
			return err
		}
	}
	file := c.storage.files[c.path]
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(file[op.Key])
		case storage.Set:
			file[op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(file, op.Key)
		}
	}
	return nil
}

func (c *client) Close(context.Context) error {
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.closed {
		return errClosed
	}
	c.closed = true
	c.storage.open[c.path]--
	return nil
}
