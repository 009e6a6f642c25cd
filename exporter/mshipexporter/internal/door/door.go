// Package door decides whether a batch may come in. What it refuses the client
// keeps: the answer is always one that a correct client tries again.
package door

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

const (
	// leastDelay and mostDelay bound what a refused client is asked to wait.
	// Retry-After is in whole seconds.
	leastDelay = time.Second
	mostDelay  = 30 * time.Second
	// mostBlocking bounds how long block_on_overflow holds a client: one that
	// waits for ever would keep the collector from stopping. The receiver stops
	// HTTP and then gRPC, so a stop can take it twice before our own turn comes.
	mostBlocking = 500 * time.Millisecond
	// afterFault is how long the door stays shut after the storage failed:
	// every try leaves a hole in exporterhelper's queue.
	afterFault = time.Second
)

// The reasons for a refusal, as the metric mship_door_refused_total names them.
const (
	QueueFull    = "queue_full"
	StorageFull  = "storage_full"
	StorageError = "storage_error"
	ShuttingDown = "shutting_down"
	// NotDelivered: there is no queue, and the far end did not take the batch.
	NotDelivered = "not_delivered"
)

// Settings of a door.
type Settings struct {
	// Room calls fits with the load queued now and gives a channel that is closed when some of it leaves.
	Room func(fits func(queued int64) bool) (ok bool, shrunk <-chan struct{})
	// Limit of the load, in the same unit.
	Limit int64
	// Reserve promises room in the storage for so many bytes until release is
	// called; nil where the storage promises nothing.
	Reserve func(bytes int64) (release func(), err error)
	// Block waits a moment for room before it refuses.
	Block bool
	// Delay proposes when a refused client may come again.
	Delay func() time.Duration
	// Closed is closed when nothing may come in any more.
	Closed <-chan struct{}
	// OnRefused hears of every refusal.
	OnRefused func(reason string, err error)
	// OnAccepted hears of everything that came in.
	OnAccepted func()
}

// Door is shared by the signals of one exporter and safe for concurrent use.
type Door struct {
	settings Settings

	mu sync.Mutex
	// entering is the load that was let in and is not yet counted as queued.
	entering int64
	shutTill time.Time
	fault    error
}

// New makes a door.
func New(s Settings) *Door { return &Door{settings: s} }

// Load is what a batch weighs.
type Load struct {
	// Queue is its weight in the unit of the queue's limit, Bytes what the storage has to hold.
	Queue, Bytes int64
}

// Enter lets a batch in and calls store, or refuses. An empty queue takes any
// batch. Its error is a gRPC status Unavailable with a
// RetryInfo, which the otlp receiver turns into 503 with Retry-After.
func (d *Door) Enter(ctx context.Context, load Load, store func() error) error {
	reason, err := d.enter(ctx, load, store)
	if err == nil {
		d.settings.OnAccepted()
		return nil
	}
	d.settings.OnRefused(reason, err)
	delay := d.settings.Delay()
	if f, ok := errors.AsType[*delivery.Failure](err); ok {
		delay = max(delay, f.Wait)
	}
	return Refusal(err, delay)
}

func (d *Door) enter(ctx context.Context, load Load, store func() error) (reason string, err error) {
	release, reason, err := d.wait(ctx, load)
	if err != nil {
		return reason, err
	}
	err = store()
	release()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entering -= load.Queue
	if err == nil {
		return "", nil
	}
	if _, ok := errors.AsType[*delivery.Failure](err); ok {
		return NotDelivered, err
	}
	if ctx.Err() != nil {
		// The client went away; that says nothing about the storage.
		return StorageError, err
	}
	d.shutTill, d.fault = time.Now().Add(afterFault), err
	return faultReason(err), fmt.Errorf("cannot store the batch: %w", err)
}

// wait tries until there is room, or patience is at its end.
func (d *Door) wait(ctx context.Context, load Load) (release func(), reason string, err error) {
	patience, cancel := context.WithTimeout(ctx, mostBlocking)
	defer cancel()
	for {
		release, shrunk, reason, err := d.try(load)
		if shrunk == nil || !d.settings.Block {
			return release, reason, err
		}
		select {
		case <-shrunk:
		case <-patience.Done():
			return release, reason, err
		case <-d.settings.Closed:
		}
	}
}

// try reserves what a batch needs. Where there is no room, shrunk is closed when there may be.
func (d *Door) try(load Load) (release func(), shrunk <-chan struct{}, reason string, err error) {
	select {
	case <-d.settings.Closed:
		return nil, nil, ShuttingDown, errors.New("the exporter is shutting down")
	default:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault != nil && time.Now().Before(d.shutTill) {
		return nil, nil, faultReason(d.fault), fmt.Errorf("cannot store the batch: %w", d.fault)
	}
	ok, shrunk := d.settings.Room(func(queued int64) bool {
		taken := queued + d.entering
		return taken == 0 || taken+load.Queue <= d.settings.Limit
	})
	if !ok {
		return nil, shrunk, QueueFull, fmt.Errorf("the sending queue is full (limit %d): raise sending_queue::queue_size or find out why it does not drain", d.settings.Limit)
	}
	release = func() {}
	if d.settings.Reserve != nil {
		if release, err = d.settings.Reserve(load.Bytes); err != nil {
			return nil, shrunk, faultReason(err), fmt.Errorf("cannot store the batch: %w", err)
		}
	}
	d.entering += load.Queue
	return release, nil, "", nil
}

// Refusal makes of err an answer that every OTLP client tries again, after the delay.
func Refusal(err error, delay time.Duration) error {
	st := status.New(codes.Unavailable, err.Error())
	delay = min(max(delay, leastDelay), mostDelay)
	if detailed, e := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}); e == nil {
		st = detailed
	}
	return st.Err()
}

func faultReason(err error) string {
	if errors.Is(err, storage.ErrStorageFull) || errors.Is(err, syscall.ENOSPC) {
		return StorageFull
	}
	return StorageError
}
