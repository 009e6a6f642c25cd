package voyage

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

var storageID = component.MustNewID("mship_storage")

// onDisk is the extension mship_storage on a disk in memory: the store, and
// clients of it as the extension hands them out, which tell the blade what is under way.
type onDisk struct {
	component.StartFunc
	component.ShutdownFunc
	*store.Store
	blade *blade
}

var _ storage.Extension = (*onDisk)(nil)

// openStorage opens it with small segments, so that they are begun, moved and freed within a voyage.
func openStorage(disk *disktest.Memory, b *blade) (*onDisk, error) {
	s, err := store.Open(store.Settings{
		Dir: disk, MaxBytes: 256 << 10, SegmentBytes: 8 << 10, Compress: true,
		FlushEachItem: true, FlushInterval: 500 * time.Millisecond, Logger: zap.NewNop(),
	})
	return &onDisk{Store: s, blade: b}, err
}

// GetClient implements storage.Extension.
func (s *onDisk) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	c, err := s.Client(ctx, strings.ToLower(kind.String())+" "+id.String()+" "+name)
	if err != nil {
		return nil, err
	}
	return &stepClient{Client: c, blade: s.blade}, nil
}

// left are the keys of what waits to be delivered.
func (s *onDisk) left(id component.ID) (keys []string, err error) {
	ctx := context.Background()
	c, err := s.Client(ctx, "exporter "+id.String()+" logs")
	if err != nil {
		return nil, err
	}
	err = c.Walk(ctx, func(key string, value []byte) ([]*storage.Operation, error) {
		m, err := queuemetadata.Metadata{}, error(nil)
		if key == queuemetadata.Key {
			m, err = queuemetadata.Parse(value)
		}
		if isItem(key) || isEntry(key) || m.Count() > 0 {
			keys = append(keys, key)
		}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return keys, c.Close(ctx)
}

// stepClient names the step that the exporter takes, so that it is known where the power was cut.
type stepClient struct {
	*store.Client
	blade *blade
}

// Set implements storage.Client.
func (c *stepClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (c *stepClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client.
func (c *stepClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	step := stepOf(ops)
	if step == "" {
		return c.Client.Batch(ctx, ops...)
	}
	ended := c.blade.begin(step)
	defer ended()
	return c.Client.Batch(ctx, ops...)
}

func isItem(key string) bool {
	_, ok := queuemetadata.Index(key)
	return ok
}

func isEntry(key string) bool { return strings.HasPrefix(key, "journal/") }

func isSeen(key string) bool { return strings.HasPrefix(key, "seen/") }

// stepOf is what a Batch is about; "" where it only reads.
func stepOf(ops []*storage.Operation) string {
	has := func(t storage.OpType, is func(key string) bool) bool {
		return slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == t && is(op.Key) })
	}
	anything := func(string) bool { return true }
	switch {
	case has(storage.Set, isEntry):
		return "journal"
	case has(storage.Set, isItem) && has(storage.Delete, isEntry):
		return "seal"
	case has(storage.Set, isItem):
		return "enqueue"
	case has(storage.Delete, isItem) && early(ops):
		return "early completion"
	case has(storage.Delete, isItem) && has(storage.Set, isSeen):
		return "completion and ledger"
	case has(storage.Delete, isItem):
		return "completion"
	case has(storage.Set, isSeen):
		return "ledger"
	case !has(storage.Set, anything) && !has(storage.Delete, anything):
		return ""
	case has(storage.Get, isItem):
		return "dispatch"
	default:
		return "upkeep"
	}
}

// early: an item leaves that is not behind the read index yet.
func early(ops []*storage.Operation) bool {
	var m queuemetadata.Metadata
	var done uint64
	for _, op := range ops {
		if op.Type == storage.Set && op.Key == queuemetadata.Key {
			m, _ = queuemetadata.Parse(op.Value)
		} else if index, ok := queuemetadata.Index(op.Key); ok && op.Type == storage.Delete {
			done = index
		}
	}
	return done >= m.Read
}
