package door_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
)

// retryDelay of a refusal, which must be one that every OTLP client tries again.
func retryDelay(t *testing.T, err error) time.Duration {
	t.Helper()
	st, ok := status.FromError(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, codes.Unavailable, st.Code(), "%v", err)
	require.Len(t, st.Details(), 1)
	info, ok := st.Details()[0].(*errdetails.RetryInfo)
	require.True(t, ok)
	d := info.GetRetryDelay().AsDuration()
	assert.GreaterOrEqual(t, d, time.Second)
	assert.LessOrEqual(t, d, 30*time.Second)
	return d
}

func TestTakesWhatFits(t *testing.T) {
	for name, test := range map[string]struct {
		queued, load int64
		taken        bool
	}{
		"fits":                           {queued: 60, load: 39, taken: true},
		"fits exactly":                   {queued: 60, load: 40, taken: true},
		"one too much":                   {queued: 60, load: 41},
		"nothing weighs nothing":         {queued: 100, load: 0, taken: true},
		"an empty queue takes anything":  {queued: 0, load: 1000, taken: true},
		"a queue above the limit":        {queued: 130, load: 1},
		"a queue that holds nearly none": {queued: 1, load: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(test.queued)
			d := door.New(r.settings())
			err := d.Enter(t.Context(), door.Load{Queue: test.load}, r.store(test.load))
			if test.taken {
				require.NoError(t, err)
				assert.Equal(t, test.queued+test.load, r.queued)
				assert.Equal(t, []string{"accepted"}, r.said)
				return
			}
			retryDelay(t, err)
			assert.ErrorContains(t, err, "raise sending_queue::queue_size")
			assert.Equal(t, test.queued, r.queued, "it was not stored")
			assert.Equal(t, []string{door.QueueFull}, r.said)
		})
	}
}

func TestWhatIsBeingStoredCounts(t *testing.T) {
	r := newRoom(0)
	d := door.New(r.settings())
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 60}, func() error {
		retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 50}, r.store(50)))
		return d.Enter(t.Context(), door.Load{Queue: 40}, r.store(40))
	}))
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 60}, r.store(60)), "what came in is no longer counted as entering")
}

func TestAStorageFaultShutsTheDoorForASecond(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		reason string
	}{
		"storage is full": {fmt.Errorf("batch: %w", storage.ErrStorageFull), door.StorageFull},
		"disk is full":    {fmt.Errorf("write: %w", syscall.ENOSPC), door.StorageFull},
		"anything else":   {errors.New("input/output error"), door.StorageError},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(0)
				d := door.New(r.settings())
				retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 100}, func() error { return test.err }))

				time.Sleep(time.Second - 1)
				retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 1}, func() error {
					t.Error("every try leaves a hole in the queue")
					return nil
				}))
				time.Sleep(time.Nanosecond)
				require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 100}, r.store(100)), "what failed takes no room")
				assert.Equal(t, []string{test.reason, test.reason, "accepted"}, r.said)
			})
		})
	}
}

// A client that went away while its batch was being stored says nothing about the storage.
func TestAClientThatHangsUpDoesNotShutTheDoor(t *testing.T) {
	r := newRoom(0)
	d := door.New(r.settings())
	ctx, cancel := context.WithCancel(t.Context())
	retryDelay(t, d.Enter(ctx, door.Load{Queue: 1}, func() error {
		cancel()
		return fmt.Errorf("batch: %w", ctx.Err())
	}))
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 1}, r.store(1)))
}

func TestWithoutAQueueAFailedDeliveryIsNoStorageFault(t *testing.T) {
	r := newRoom(0)
	d := door.New(r.settings())
	err := d.Enter(t.Context(), door.Load{Queue: 1}, func() error { return fmt.Errorf("throttled: %w", deliverytest.Broken()) })
	retryDelay(t, err)
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 1}, r.store(1)), "the next is tried at once")
	assert.Equal(t, []string{door.NotDelivered, "accepted"}, r.said)
}

// The client is asked to wait as long as there is no use to come again.
func TestWithoutAQueueTheClientHearsTheDelay(t *testing.T) {
	r := newRoom(0)
	f := &delivery.Failure{Message: "Retry-After", Wait: 20 * time.Second}
	assert.Equal(t, 20*time.Second, retryDelay(t, door.New(r.settings()).Enter(t.Context(), door.Load{Queue: 1}, func() error { return f })))
}

func TestShuttingDown(t *testing.T) {
	r := newRoom(0)
	d := door.New(r.settings())
	close(r.closed)
	retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 1}, r.store(1)))
	assert.Equal(t, []string{door.ShuttingDown}, r.said)
}

func TestDelayStaysInBounds(t *testing.T) {
	for proposed, want := range map[time.Duration]time.Duration{
		-time.Hour: time.Second, 0: time.Second, time.Millisecond: time.Second,
		7 * time.Second: 7 * time.Second, 30 * time.Second: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		r := newRoom(100)
		r.delay = proposed
		assert.Equal(t, want, retryDelay(t, door.New(r.settings()).Enter(t.Context(), door.Load{Queue: 1}, r.store(1))), "%s", proposed)
		assert.Equal(t, want, retryDelay(t, door.Refusal(errors.New("no"), proposed)), "%s", proposed)
	}
}
