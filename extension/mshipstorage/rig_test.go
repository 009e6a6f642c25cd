package mshipstorage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
)

// The size of every item in the queue, stored without compression.
const (
	itemBytes   = 3000
	itemRecords = 7
)

// long asks for the long forms (make soak).
var long = os.Getenv("MSHIP_LONG") != ""

var storageID = component.MustNewID("mship_storage")

// memoryStorage is the extension, on a disk in memory.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	*store.Store
	t    *testing.T
	logs *observer.ObservedLogs

	mu      sync.Mutex
	flushes int
	// reasons for which it refused.
	reasons map[string]int
	// wrap, if it is not nil, is between the queue and its client.
	wrap func(storage.Client) storage.Client
}

var _ storage.Extension = (*memoryStorage)(nil)

type setting func(*store.Settings)

func openMemory(t *testing.T, m *disktest.Memory, change ...setting) *memoryStorage {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	s := &memoryStorage{t: t, logs: logs, reasons: map[string]int{}}
	set := store.Settings{
		Dir: m, MaxBytes: 1 << 30, SegmentBytes: 128 << 10,
		FlushEachItem: true, FlushInterval: 500 * time.Millisecond, Logger: zap.New(core),
		Watch: store.Watch{Flushed: s.flushed, Refused: s.refused},
	}
	for _, c := range change {
		c(&set)
	}
	var err error
	s.Store, err = store.Open(set)
	require.NoError(t, err)
	return s
}

func (s *memoryStorage) flushed(time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
}

func (s *memoryStorage) refused(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reasons[reason]++
}

// flushesSince gives how many flushes there were since it was asked last.
func (s *memoryStorage) flushesSince() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.flushes = 0 }()
	return s.flushes
}

func (s *memoryStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	c, err := s.Client(ctx, clientName(kind, id, name))
	if s.wrap != nil {
		return s.wrap(c), err
	}
	return c, err
}

func (s *memoryStorage) close() { require.NoError(s.t, s.Close()) }

// item is a numbered request for exporterhelper's queue.
type item int

func (item) ItemsCount() int { return itemRecords }
func (item) BytesSize() int  { return itemBytes }

func (item) MergeSplit(context.Context, int, exporterhelper.RequestSizerType, xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	return nil, errors.New("never")
}

// encoding makes bytes of an item that do not compress, and knows when they are not what they were.
type encoding struct{}

func (encoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	return bytesOf(int(r.(item))), nil
}

func bytesOf(n int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(n))
	out := make([]byte, itemBytes)
	_, _ = rand.NewChaCha8(seed).Read(out) // it never fails
	binary.LittleEndian.PutUint64(out, uint64(n))
	return out
}

func (encoding) Unmarshal(stored []byte) (context.Context, xexporterhelper.Request, error) {
	if len(stored) == 0 {
		return context.Background(), nil, errors.New("nothing there")
	}
	n := int(binary.LittleEndian.Uint64(stored))
	if !bytes.Equal(bytesOf(n), stored) {
		n = damagedItem
	}
	return context.Background(), item(n), nil
}

// damagedItem is delivered where the storage hands out bytes that were never stored.
const damagedItem = -1

// realQueue is exporterhelper's queue, directly on a storage extension.
type realQueue struct {
	t         *testing.T
	exporter  exporter.Logs
	telemetry *componenttest.Telemetry

	mu    sync.Mutex
	takes func(n int) bool
	taken []int
}

type numberKey struct{}

type queueSettings struct {
	id        component.ID
	consumers int
	sizer     exporterhelper.RequestSizerType
}

// startQueue starts a queue. takes decides which items the far end takes; the others are tried again for ever.
func startQueue(t *testing.T, s storage.Extension, takes func(n int) bool, set queueSettings) *realQueue {
	t.Helper()
	r := &realQueue{t: t, takes: takes, telemetry: componenttest.NewTelemetry()}
	q := exporterhelper.NewDefaultQueueConfig()
	q.StorageID, q.NumConsumers, q.QueueSize = &storageID, max(set.consumers, 1), math.MaxInt64
	if set.sizer != (exporterhelper.RequestSizerType{}) {
		q.Sizer = set.sizer
	}
	settings := exportertest.NewNopSettings(component.MustNewType("rig"))
	settings.TelemetrySettings = r.telemetry.NewTelemetrySettings()
	settings.ID = component.MustNewID("rig") // the same in every run
	if set.id != (component.ID{}) {
		settings.ID = set.id
	}
	var err error
	r.exporter, err = xexporterhelper.NewLogsRequest(context.Background(), settings,
		func(ctx context.Context, _ plog.Logs) (xexporterhelper.Request, error) {
			return item(ctx.Value(numberKey{}).(int)), nil
		},
		r.push,
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithRetry(configretry.BackOffConfig{Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: 100 * time.Millisecond, Multiplier: 1}),
		xexporterhelper.WithQueueBatch(configoptional.Some(q), xexporterhelper.QueueBatchSettings{Encoding: encoding{}}))
	require.NoError(t, err)
	require.NoError(t, r.exporter.Start(context.Background(), storageHost{componenttest.NewNopHost(), s}))
	return r
}

type storageHost struct {
	component.Host
	storage storage.Extension
}

func (h storageHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.storage}
}

func (r *realQueue) push(_ context.Context, req xexporterhelper.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(req.(item))
	if n == damagedItem {
		r.t.Error("damaged bytes were handed out")
	}
	if !r.takes(n) {
		return errors.New("the far end is away")
	}
	r.taken = append(r.taken, n)
	return nil
}

func (r *realQueue) offer(n int) error {
	return r.exporter.ConsumeLogs(context.WithValue(context.Background(), numberKey{}, n), plog.NewLogs())
}

func (r *realQueue) offerAll(from, to int) {
	for n := from; n < to; n++ {
		require.NoError(r.t, r.offer(n))
	}
}

func (r *realQueue) takesFromNow(takes func(n int) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takes = takes
}

func (r *realQueue) delivered() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int(nil), r.taken...)
}

// size is the queue's own word, otelcol_exporter_queue_size.
func (r *realQueue) size() int64 {
	m, err := r.telemetry.GetMetric("otelcol_exporter_queue_size")
	require.NoError(r.t, err)
	return onlyValue(r.t, m)
}

func (r *realQueue) stop() {
	assert.NoError(r.t, r.exporter.Shutdown(context.Background()))
	assert.NoError(r.t, r.telemetry.Shutdown(context.Background()))
}

func all(int) bool  { return true }
func none(int) bool { return false }

// numbers from … to-1.
func numbers(from, to int) (out []int) {
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}
