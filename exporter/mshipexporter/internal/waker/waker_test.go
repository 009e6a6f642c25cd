package waker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/waker"
)

const interval = 10 * time.Second

// door is a breaker and a far end.
type door struct {
	*waker.Waker
	t    *testing.T
	stop func()

	mu      sync.Mutex
	resting bool
	known   bool
	connect func(ctx context.Context) error
	began   time.Time
	knocks  []time.Duration // since the waker began to run
	ended   []error
	unknown int
}

// newDoor is in the bubble of a test; its waker runs until stop.
func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, known: true, began: time.Now(), connect: func(context.Context) error { return nil }}
	d.Waker = waker.New(waker.Settings{
		Interval:  interval,
		Known:     func() (known bool) { d.now(func() { known = d.known }); return known },
		Resting:   func() (resting bool) { d.now(func() { resting = d.resting }); return resting },
		OnKnock:   func(err error) { d.now(func() { d.ended = append(d.ended, err) }) },
		OnUnknown: func() { d.now(func() { d.unknown++ }) },
		Connect: func(ctx context.Context) error {
			var connect func(context.Context) error
			d.now(func() {
				d.knocks = append(d.knocks, time.Since(d.began))
				connect = d.connect
			})
			return connect(ctx)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		d.Run(ctx)
	}()
	d.stop = func() { cancel(); <-over }
	return d
}

// now does something with what the waker sees.
func (d *door) now(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// opens and lets so much time go by.
func (d *door) opens(atOnce bool, then time.Duration) {
	d.t.Helper()
	d.now(func() { d.resting = true })
	d.Opened(atOnce)
	later(then)
}

func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func in(seconds ...int) (times []time.Duration) {
	for _, s := range seconds {
		times = append(times, time.Duration(s)*time.Second)
	}
	return times
}

func TestItKnocksWhileTheBreakerRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		defer d.stop()
		later(time.Minute)
		require.Empty(t, d.knocks, "the breaker is closed")

		d.opens(false, 35*time.Second)
		assert.Equal(t, in(70, 80, 90), d.knocks)
		d.now(func() { d.resting = false })
		later(time.Hour)
		require.Len(t, d.knocks, 3, "half-open or closed")

		d.knocks = nil
		d.opens(true, 25*time.Second)
		assert.Equal(t, in(3695, 3705, 3715), d.knocks)
		d.Opened(true)
		later(time.Second)
		assert.Len(t, d.knocks, 4, "it opens anew")
	})
}

// The interval is from begin to begin, and no connect is longer than it.
func TestAConnectThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		defer d.stop()
		d.connect = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		d.opens(true, 27*time.Second)
		assert.Equal(t, in(0, 10, 20), d.knocks)
		assert.Equal(t, []error{context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded}, d.ended)
		d.Opened(true)
		later(4 * time.Second) // it is under way
		d.stop()
		assert.Len(t, d.knocks, 4)
		assert.Len(t, d.ended, 3, "that we shut down says nothing of the path")
	})
}

func TestItTellsHowAConnectEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		defer d.stop()
		refused := errors.New("connection refused")
		d.connect = func(context.Context) error { return refused }
		d.opens(true, interval)
		d.now(func() { d.connect = func(context.Context) error { return nil } })
		later(interval)
		assert.Equal(t, []error{refused, refused, nil}, d.ended)
	})
}

func TestWithoutAnAddressItOnlySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		defer d.stop()
		d.now(func() { d.known = false })
		d.opens(true, time.Hour)
		assert.Empty(t, d.knocks)
		assert.Equal(t, 1, d.unknown, "once")
		d.now(func() { d.known = true })
		later(interval)
		assert.NotEmpty(t, d.knocks, "it came to be known")
	})
}
