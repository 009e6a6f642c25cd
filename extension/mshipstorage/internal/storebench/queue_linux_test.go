package storebench

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage"
)

// The two stores.
const (
	mshipStorage = "mship_storage"
	fileStorage  = "file_storage"
)

const (
	// A queue that keeps up has one consumer, and so many items in it at most.
	consumers = 1
	inFlight  = 16
)

// segment is how long a file of ours gets.
const segment = 16 << 20

// openStorage starts a store with its defaults, but for its room, and that
// file_storage too flushes before it acknowledges.
func openStorage(j job) (extension.Extension, error) {
	factory := mshipstorage.NewFactory()
	if j.Store == fileStorage {
		factory = filestorage.NewFactory()
	}
	cfg := factory.CreateDefaultConfig()
	switch cfg := cfg.(type) {
	case *mshipstorage.Config:
		cfg.Directory, cfg.MaxBytes = j.Dir, 8<<30
		if j.Lazy {
			cfg.Flush = "interval"
		}
	case *filestorage.Config:
		cfg.Directory, cfg.FSync = j.Dir, !j.Lazy
	}
	s, err := factory.Create(context.Background(), extensiontest.NewNopSettings(factory.Type()), cfg)
	if err != nil {
		return nil, err
	}
	return s, s.Start(context.Background(), componenttest.NewNopHost())
}

type request []byte

func (request) ItemsCount() int  { return 1 }
func (r request) BytesSize() int { return len(r) }

func (request) MergeSplit(context.Context, int, exporterhelper.RequestSizerType, xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	return nil, errors.New("never")
}

// asItIs stores a request as it is.
type asItIs struct{}

func (asItIs) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	return r.(request), nil
}

func (asItIs) Unmarshal(stored []byte) (context.Context, xexporterhelper.Request, error) {
	return context.Background(), request(stored), nil
}

// queue is exporterhelper's.
type queue struct {
	exporter.Logs
	payload func() []byte
	bytes   int64
	// arrived is closed when the far end has seen all it waits for.
	arrived chan struct{}
}

// startQueue with a far end that takes everything, or with one that is away,
// and waits for one item.
func startQueue(storage component.Component, j job, takes bool) (*queue, error) {
	q := &queue{payload: payloads(j), arrived: make(chan struct{})}
	cfg := exporterhelper.NewDefaultQueueConfig()
	cfg.StorageID, cfg.BlockOnOverflow, cfg.QueueSize = &storageID, true, math.MaxInt64
	if j.Work == "cycle" {
		cfg.QueueSize, cfg.NumConsumers = inFlight, consumers
	}
	expected := int64(1)
	if takes {
		expected = int64(j.Items)
	}
	var seen atomic.Int64
	push := func(context.Context, xexporterhelper.Request) error {
		if seen.Add(1) == expected {
			close(q.arrived)
		}
		if !takes {
			return errors.New("the far end is away")
		}
		return nil
	}
	set := exportertest.NewNopSettings(component.MustNewType("bench"))
	set.ID = component.MustNewID("bench") // the same in every process
	var err error
	q.Logs, err = xexporterhelper.NewLogsRequest(context.Background(), set,
		func(context.Context, plog.Logs) (xexporterhelper.Request, error) {
			r := request(q.payload())
			q.bytes += int64(len(r))
			return r, nil
		},
		push,
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithRetry(configretry.BackOffConfig{Enabled: true, InitialInterval: time.Hour, MaxInterval: time.Hour, Multiplier: 1}),
		xexporterhelper.WithQueueBatch(configoptional.Some(cfg), xexporterhelper.QueueBatchSettings{Encoding: asItIs{}}))
	if err != nil {
		return nil, err
	}
	return q, q.Start(context.Background(), host{componenttest.NewNopHost(), storage})
}

// fill enqueues so many items, and tells their bytes.
func (q *queue) fill(items int) (bytes int64, err error) {
	for range items {
		if err = q.ConsumeLogs(context.Background(), plog.NewLogs()); err != nil {
			return 0, err
		}
	}
	return q.bytes, nil
}

type host struct {
	component.Host
	storage component.Component
}

var storageID = component.MustNewID("storage")

// GetExtensions implements component.Host.
func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.storage}
}
