package door_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/door"
)

const limit = 100

// room is a queue as the door sees it.
type room struct {
	closed chan struct{}
	delay  time.Duration
	block  bool

	reserve func(bytes int64) (func(), error)

	mu           sync.Mutex
	queued, most int64
	shrunk       chan struct{}
	said         []string
}

func newRoom(queued int64) *room {
	return &room{queued: queued, closed: make(chan struct{}), shrunk: make(chan struct{})}
}

func (r *room) settings() door.Settings {
	return door.Settings{
		Room: func(fits func(int64) bool) (bool, <-chan struct{}) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return fits(r.queued), r.shrunk
		},
		Limit: limit, Block: r.block, Closed: r.closed, Reserve: r.reserve,
		Delay:      func() time.Duration { return r.delay },
		OnRefused:  func(reason string, _ error) { r.say(reason) },
		OnAccepted: func() { r.say("accepted") },
	}
}

func (r *room) say(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

func (r *room) store(load int64) func() error {
	return func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.queued += load
		r.most = max(r.most, r.queued)
		return nil
	}
}

func (r *room) remove(load int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queued -= load
	close(r.shrunk)
	r.shrunk = make(chan struct{})
}

func TestManyAtOnceNeverExceedTheLimit(t *testing.T) {
	for _, block := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(0)
			r.block = block
			d := door.New(r.settings())
			var all sync.WaitGroup
			for i := range 100 {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				all.Go(func() {
					for range 20 {
						load := 1 + random.Int64N(40)
						err := d.Enter(t.Context(), door.Load{Queue: load}, func() error {
							time.Sleep(time.Duration(random.Int64N(int64(time.Millisecond))))
							return r.store(load)()
						})
						time.Sleep(time.Duration(random.Int64N(int64(10 * time.Millisecond))))
						if err == nil {
							r.remove(load)
						}
					}
				})
			}
			all.Wait()
			assert.LessOrEqual(t, r.most, int64(limit))
			assert.Greater(t, r.most, int64(limit/2), "the room is used")
			assert.Zero(t, r.queued)
			require.NoError(t, d.Enter(t.Context(), door.Load{Queue: limit}, r.store(limit)), "no reservation was forgotten")
			require.Error(t, d.Enter(t.Context(), door.Load{Queue: 1}, r.store(1)))
		})
	}
}

func TestOnlyOneOfManyEntersAnEmptyQueueUnmeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		d := door.New(r.settings())
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_ = d.Enter(t.Context(), door.Load{Queue: 10 * limit}, func() error {
					time.Sleep(time.Second)
					return r.store(10 * limit)()
				})
			})
		}
		all.Wait()
		assert.Equal(t, int64(10*limit), r.queued)
	})
}

func TestBlockingWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(limit)
		r.block = true
		time.AfterFunc(200*time.Millisecond, func() { r.remove(5) })
		time.AfterFunc(400*time.Millisecond, func() { r.remove(5) })
		begun := time.Now()
		require.NoError(t, door.New(r.settings()).Enter(t.Context(), door.Load{Queue: 10}, r.store(10)))
		assert.Equal(t, 400*time.Millisecond, time.Since(begun))
		assert.Equal(t, []string{"accepted"}, r.said)
	})
}

func TestBlockingHasAnEnd(t *testing.T) {
	for name, test := range map[string]struct {
		arrange func(r *room, cancel context.CancelFunc)
		after   time.Duration
		reason  string
	}{
		"no room in half a second": {func(*room, context.CancelFunc) {}, time.Second / 2, door.QueueFull},
		"never room enough": {func(r *room, _ context.CancelFunc) {
			for i := range 100 {
				time.AfterFunc(time.Duration(i)*100*time.Millisecond, func() { r.remove(0) })
			}
		}, time.Second / 2, door.QueueFull},
		"the client hangs up": {func(_ *room, cancel context.CancelFunc) { time.AfterFunc(time.Second/4, cancel) }, time.Second / 4, door.QueueFull},
		"shutdown":            {func(r *room, _ context.CancelFunc) { time.AfterFunc(time.Second/4, func() { close(r.closed) }) }, time.Second / 4, door.ShuttingDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(limit)
				r.block = true
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				test.arrange(r, cancel)
				begun := time.Now()
				retryDelay(t, door.New(r.settings()).Enter(ctx, door.Load{Queue: 1}, r.store(1)))
				assert.Equal(t, test.after, time.Since(begun))
				assert.Equal(t, []string{test.reason}, r.said)
			})
		})
	}
}

// A storage that promises nothing more is asked again at once: it was not written to.
func TestTheStorageIsAskedForRoom(t *testing.T) {
	r := newRoom(0)
	promised, left := int64(0), int64(250)
	r.reserve = func(bytes int64) (func(), error) {
		if promised+bytes > left {
			return nil, fmt.Errorf("no room: %w", storage.ErrStorageFull)
		}
		promised += bytes
		return func() { promised -= bytes }, nil
	}
	d := door.New(r.settings())
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 10, Bytes: 200}, func() error {
		assert.Equal(t, int64(200), promised)
		retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 10, Bytes: 100}, r.store(10)))
		return d.Enter(t.Context(), door.Load{Queue: 10, Bytes: 50}, r.store(10))
	}))
	assert.Zero(t, promised, "what was stored needs no promise")
	left = 20
	retryDelay(t, d.Enter(t.Context(), door.Load{Queue: 10, Bytes: 21}, r.store(10)))
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 10, Bytes: 20}, r.store(10)))
	assert.Equal(t, []string{door.StorageFull, "accepted", "accepted", door.StorageFull, "accepted"}, r.said)
	require.NoError(t, d.Enter(t.Context(), door.Load{Queue: 80}, r.store(80)), "what was refused is not counted as entering")
}

func TestBlockingWaitsForRoomInTheStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(50)
		r.block = true
		var room atomic.Bool
		r.reserve = func(int64) (func(), error) {
			if !room.Load() {
				return nil, storage.ErrStorageFull
			}
			return func() {}, nil
		}
		time.AfterFunc(200*time.Millisecond, func() {
			room.Store(true)
			r.remove(10)
		})
		begun := time.Now()
		require.NoError(t, door.New(r.settings()).Enter(t.Context(), door.Load{Queue: 1, Bytes: 1}, r.store(1)))
		assert.Equal(t, 200*time.Millisecond, time.Since(begun))
	})
}
