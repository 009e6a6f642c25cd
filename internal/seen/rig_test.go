package seen

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// memory is a storage whose Batch is atomic, with faults.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	// batches are those that wrote.
	batches int
	// refuse says what is wrong with a Batch; lie makes it happen all the same.
	refuse func(ops []*storage.Operation) error
	lie    bool
	// before each Batch, without the lock.
	before func(ops []*storage.Operation)
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

func (m *memory) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := m.Batch(ctx, op)
	return op.Value, err
}

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (m *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		before(ops)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	if m.refuse != nil {
		err = m.refuse(ops)
	}
	if err != nil && !m.lie {
		return err
	}
	wrote := 0
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = m.values[op.Key]
			continue
		case storage.Set:
			m.values[op.Key] = op.Value
		case storage.Delete:
			delete(m.values, op.Key)
		}
		wrote = 1
	}
	m.batches += wrote
	return err
}

func (m *memory) Close(context.Context) error { return nil }

// cut is what a kill at this moment leaves.
func (m *memory) cut() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{values: maps.Clone(m.values)}
}

func (m *memory) refuseWith(refuse func(ops []*storage.Operation) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = refuse
}

func (m *memory) look(before func(ops []*storage.Operation)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

func (m *memory) count() (values, batches int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.values), m.batches
}

// sets: does a Batch write anything new?
func sets(ops []*storage.Operation) bool {
	for _, op := range ops {
		if op.Type == storage.Set {
			return true
		}
	}
	return false
}

func full(ops []*storage.Operation) error {
	if sets(ops) {
		return storage.ErrStorageFull
	}
	return nil
}

// open opens a set with the defaults of mship_dedup; its Close comes with the test's end at the latest.
func open(t testing.TB, client storage.Client, change ...func(*Settings)) *Set {
	t.Helper()
	cfg := Settings{Name: "test", Window: defaultWindow, MaxKeys: 1_000_000, Logger: zap.NewNop()}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Open(context.WithoutCancel(t.Context()), client, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *Set) {
	t.Helper()
	assert.NoError(t, s.Close(context.WithoutCancel(t.Context())))
}

// some are keys number first to end.
func some(first, end int) []Key {
	keys := make([]Key, 0, end-first)
	for i := first; i < end; i++ {
		keys = append(keys, KeyOf("/v1/logs", strconv.Itoa(i)))
	}
	return keys
}

func requireHas(t testing.TB, s *Set, want bool, keys ...Key) {
	t.Helper()
	for i, k := range keys {
		require.Equal(t, want, s.Has(k), "key %d of %d", i, len(keys))
	}
}
