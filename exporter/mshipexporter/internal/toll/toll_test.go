package toll_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/toll"
)

const rate = 1000 // bytes per second

// link grants what is express at once, and all else at its rate.
type link struct {
	paid, express, sent, unsent atomic.Int64
	waiting                     atomic.Int64
	open, halfOpen              atomic.Bool
}

func (l *link) pay(ctx context.Context, bytes int, express bool) (done func(bool), err error) {
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	if express {
		l.express.Add(1)
	} else {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the link: %w", context.Cause(ctx))
		case <-time.After(time.Duration(bytes) * time.Second / rate):
		}
	}
	l.paid.Add(int64(bytes))
	return func(sent bool) {
		if sent {
			l.sent.Add(int64(bytes))
		} else {
			l.unsent.Add(int64(bytes))
		}
	}, nil
}

func (l *link) booth() *toll.Booth {
	return toll.New(l.pay, toll.Path{Open: l.open.Load, HalfOpen: l.halfOpen.Load})
}

// batch takes a second.
func batch(n int) delivery.Batch { return deliverytest.Batch(n, rate/deliverytest.RecordBytes) }

func TestABatchPaysBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		sent bool
	}{
		"taken":         {nil, true},
		"reset":         {&net.OpError{Op: "write", Err: errors.New("reset")}, true},
		"refused":       {&delivery.Failure{Status: 503}, true},
		"no connection": {&delivery.Failure{Err: fmt.Errorf("kafka: %w", &net.OpError{Op: "dial", Err: errors.New("refused")})}, false},
		"no such name":  {fmt.Errorf("kafka: %w", &net.DNSError{Name: "shore"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, began := &link{}, time.Now()
				s := l.booth().Layer(delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) {
					assert.Equal(t, time.Second, time.Since(began))
					assert.EqualValues(t, rate, l.paid.Load())
					assert.Zero(t, l.sent.Load()+l.unsent.Load(), "it is not known yet")
					return delivery.Delivered, c.err
				}))
				_, err := s.Send(t.Context(), batch(1))
				assert.Equal(t, c.err, err)
				assert.EqualValues(t, rate, map[bool]*atomic.Int64{true: &l.sent, false: &l.unsent}[c.sent].Load())
			})
		})
	}
}

func never(t *testing.T) delivery.Sender {
	return delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) {
		t.Error("it was sent")
		return delivery.Delivered, nil
	})
}

// Whatever ends a wait: it is nobody's failure, nothing is sent, and nothing is owed.
func TestAWaitEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l *link, b *toll.Booth, cancel func()){
		"the breaker opens": func(_ *link, b *toll.Booth, _ func()) { b.Clear() },
		"shutdown":          func(_ *link, b *toll.Booth, _ func()) { b.Close() },
		"its context":       func(_ *link, _ *toll.Booth, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &link{}
				b := l.booth()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failed := make(chan error, 2)
				for n := range 2 {
					go func() {
						_, err := b.Layer(never(t)).Send(ctx, batch(n))
						failed <- err
					}()
				}
				time.Sleep(time.Second / 2)
				assert.EqualValues(t, 2, l.waiting.Load())
				end(l, b, cancel)
				synctest.Wait()
				for range 2 {
					f := delivery.AsFailure(<-failed)
					assert.Equal(t, delivery.Us, f.Fault)
					assert.False(t, f.Sent)
				}
				assert.Zero(t, l.paid.Load())
			})
		})
	}
}

func TestAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &link{}
		b := l.booth()
		b.Clear()
		takes := b.Layer(delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) { return delivery.Delivered, nil }))
		_, err := takes.Send(t.Context(), batch(1))
		require.NoError(t, err, "who comes after the breaker closed waits anew")
		l.halfOpen.Store(true)
		began := time.Now()
		_, err = takes.Send(t.Context(), batch(2))
		require.NoError(t, err)
		assert.EqualValues(t, 1, l.express.Load(), "a probe waits for nobody")
		assert.Zero(t, time.Since(began))
		l.halfOpen.Store(false)
		l.open.Store(true)
		_, err = takes.Send(t.Context(), batch(3))
		require.ErrorContains(t, err, "breaker has opened", "between the breaker and the booth it opened")
		l.open.Store(false)
		b.Close()
		b.Clear()
		l.halfOpen.Store(true)
		_, err = takes.Send(t.Context(), batch(4))
		require.ErrorContains(t, err, "shutting down")
	})
}
