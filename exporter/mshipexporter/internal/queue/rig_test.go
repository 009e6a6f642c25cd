package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

const (
	// itemBytes and itemRecords are the size of every item.
	itemBytes   = 100
	itemRecords = 7
)

// item is a numbered request for exporterhelper's queue.
type item int

func (item) ItemsCount() int { return itemRecords }
func (item) BytesSize() int  { return itemBytes }

func (item) MergeSplit(context.Context, int, exporterhelper.RequestSizerType, xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	return nil, errors.New("never")
}

// encoding stores the number in an item's first bytes.
type encoding struct{}

func (encoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	out := make([]byte, itemBytes)
	binary.LittleEndian.PutUint64(out, uint64(r.(item)))
	return out, nil
}

func (encoding) Unmarshal(stored []byte) (context.Context, xexporterhelper.Request, error) {
	if len(stored) == 0 {
		return context.Background(), nil, errors.New("nothing there")
	}
	return context.Background(), item(binary.LittleEndian.Uint64(stored)), nil
}

// rig is the real queue of exporterhelper on a guarded storage.
type rig struct {
	t        *testing.T
	depth    *Depth
	exporter exporter.Logs

	mu    sync.Mutex
	takes func(n int) bool
	taken []int
}

type numberKey struct{}

// newRig starts a queue. takes decides which items the far end takes; the others are tried again for ever.
func newRig(t *testing.T, s *storagetest.Storage, consumers int, takes func(n int) bool, adjust ...func(*Guard)) *rig {
	t.Helper()
	r := &rig{t: t, depth: NewDepth(), takes: takes}
	guard := Guard{
		readAll: true, // what is read at once never meets a fault
		Storage: storagetest.ID, Depth: r.depth, Logger: zap.NewNop(), pause: func(context.Context) {},
		Records: func(stored []byte) int { return itemRecords * min(len(stored), 1) },
		Bytes:   func(stored []byte) int { return len(stored) },
	}
	for _, f := range adjust {
		f(&guard)
	}
	host, err := guard.Host(&host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storagetest.ID: s}})
	require.NoError(t, err)
	q := exporterhelper.NewDefaultQueueConfig()
	id := storagetest.ID
	q.StorageID, q.NumConsumers, q.QueueSize = &id, consumers, math.MaxInt64
	set := exportertest.NewNopSettings(component.MustNewType("rig"))
	set.ID = component.MustNewID("rig") // the same in every run
	r.exporter, err = xexporterhelper.NewLogsRequest(t.Context(), set,
		func(ctx context.Context, _ plog.Logs) (xexporterhelper.Request, error) {
			return item(ctx.Value(numberKey{}).(int)), nil
		},
		r.push,
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithRetry(configretry.BackOffConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: time.Second, Multiplier: 1}),
		xexporterhelper.WithQueueBatch(configoptional.Some(q), xexporterhelper.QueueBatchSettings{Encoding: encoding{}}))
	require.NoError(t, err)
	require.NoError(t, r.exporter.Start(t.Context(), host))
	return r
}

type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (r *rig) push(_ context.Context, req xexporterhelper.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(req.(item))
	if !r.takes(n) {
		return errors.New("the far end is away")
	}
	r.taken = append(r.taken, n)
	return nil
}

func (r *rig) offer(n int) error {
	return r.exporter.ConsumeLogs(context.WithValue(context.Background(), numberKey{}, n), plog.NewLogs())
}

func (r *rig) takesFromNow(takes func(n int) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takes = takes
}

func (r *rig) delivered() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int(nil), r.taken...)
}

func (r *rig) stop() { require.NoError(r.t, r.exporter.Shutdown(context.Background())) }

func all(int) bool  { return true }
func none(int) bool { return false }

func sizeOf(batches int64) Size {
	return Size{Batches: batches, Records: batches * itemRecords, Bytes: batches * itemBytes}
}
