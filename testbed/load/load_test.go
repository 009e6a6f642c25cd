package load_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers from a script; the last answer repeats.
type fake struct {
	script []error

	mu       sync.Mutex
	attempts []time.Time
	sent     []load.Batch
}

func (f *fake) Send(_ context.Context, b load.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := f.script[min(len(f.attempts), len(f.script)-1)]
	f.attempts = append(f.attempts, time.Now())
	f.sent = append(f.sent, b)
	return answer
}

func (f *fake) Close() error { return nil }

var batch = load.Batch{Signal: record.Logs, From: 10, N: 3}

func busy(delay time.Duration) error {
	return &load.Refusal{Status: 503, Retryable: true, Delay: delay, HasDelay: true}
}

func TestDeliverWaitsAsLongAsItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load.NewLedger()
		f := &fake{script: []error{busy(7 * time.Second), busy(time.Hour), nil}}
		begin := time.Now()

		require.NoError(t, load.Deliver(t.Context(), f, batch, 10*time.Second, l))

		assert.Equal(t, 7*time.Second, f.attempts[1].Sub(begin))
		assert.Equal(t, 10*time.Second, f.attempts[2].Sub(f.attempts[1]), "capped")
		assert.Equal(t, []int64{10, 11, 12}, l.Acknowledged())
		assert.Equal(t, 3, l.Sent())
		assert.Equal(t, map[string]int{"503": 2}, l.Answers())
		assert.Equal(t, time.Hour, l.Refusals()[1].Delay)
	})
}

func TestDeliverBacksOffWhereNoDelayIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l := load.NewLedger()
		f := &fake{script: []error{&load.Refusal{Code: codes.Unavailable, Retryable: true}}}

		require.ErrorIs(t, load.Deliver(ctx, f, batch, time.Second, l), context.DeadlineExceeded)

		assert.Empty(t, l.Acknowledged())
		assert.Empty(t, l.Dropped())
		assert.InDelta(t, 64, len(f.attempts), 2)
		assert.Equal(t, map[string]int{"Unavailable": len(f.attempts)}, l.Answers())
	})
}

func TestDeliverGivesUpOnlyWhatIsRefusedForGood(t *testing.T) {
	for name, answer := range map[string]error{
		"answer":      &load.Refusal{Status: 400},
		"not sending": errors.New("cannot marshal"),
	} {
		t.Run(name, func(t *testing.T) {
			l := load.NewLedger()
			require.ErrorIs(t, load.Deliver(t.Context(), &fake{script: []error{answer}}, batch, time.Second, l), answer)
			assert.Equal(t, batch.IDs(), l.Dropped())
			assert.Empty(t, l.Acknowledged())
		})
	}
}

func TestAllAttemptsHaveTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: []error{busy(time.Second), nil}}
		require.NoError(t, load.Deliver(t.Context(), f, batch, time.Second, load.NewLedger()))
		require.Len(t, f.sent, 2)
		assert.False(t, f.sent[0].At.IsZero())
		assert.Equal(t, f.sent[0], f.sent[1])
	})
}

func TestRunKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load.NewLedger()
		begin := time.Now()
		plan := load.Plan{Records: 1000, Rate: 100, Batch: 10, First: 5, Workers: 1}

		load.Run(t.Context(), &fake{script: []error{nil}}, plan, l)

		assert.InDelta(t, 9.9, time.Since(begin).Seconds(), 0.2)
		assert.Len(t, l.Acknowledged(), 1000)
		assert.EqualValues(t, 5, l.Acknowledged()[0])
	})
}

func TestRunProducesForADurationAndThenOnlyResends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load.NewLedger()
		f := &fake{script: []error{busy(10 * time.Second), nil}}
		plan := load.Plan{Duration: 5 * time.Second, Rate: 10, Batch: 10, Workers: 1, MaxWait: time.Minute}

		load.Run(t.Context(), f, plan, l)

		assert.Equal(t, 10, l.AcknowledgedCount(), "the one worker was busy with the first batch")
	})
}

func TestRunProducesUntilItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, until := load.NewLedger(), make(chan struct{})
		time.AfterFunc(5500*time.Millisecond, func() { close(until) })
		load.Run(t.Context(), &fake{script: []error{nil}}, load.Plan{Until: until, Rate: 10, Batch: 10}, l)
		assert.Equal(t, 60, l.AcknowledgedCount(), "the first batch goes at once")
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := load.NewLedger()
		load.Run(ctx, &fake{script: []error{busy(time.Second)}}, load.Plan{Rate: 1e6, Workers: 2, Batch: 7}, l)
		assert.Empty(t, l.Acknowledged())
		assert.Equal(t, 14, l.Sent())
	})
}

func TestOverTheWireEverySignalIsAcknowledgedOnce(t *testing.T) {
	s := shore.Start(t)
	s.SetFault(shore.Sequence(
		shore.Status(503, shore.RetryAfter(0)), shore.Status(502), shore.Status(429, shore.RetryAfter(time.Millisecond)),
		shore.Accept()))
	overGRPC, err := load.NewGRPC(s.GRPCEndpoint())
	require.NoError(t, err)
	asJSON, zipped := load.NewHTTP(s.HTTPEndpoint()), load.NewHTTP(s.HTTPEndpoint()+"/")
	asJSON.JSON, zipped.Gzip = true, true
	senders := load.Alternate(asJSON, overGRPC, zipped)
	defer func() { require.NoError(t, senders.Close()) }()
	l := load.NewLedger()

	load.Run(t.Context(), senders, load.Plan{Records: 1010, Batch: 20, MaxWait: 10 * time.Millisecond}, l)

	assert.Equal(t, 1010, l.AcknowledgedCount())
	assert.Equal(t, 1010, s.Delivered())
	assert.Len(t, l.Refusals(), 3)
	for id, times := range s.Counts() {
		require.Equal(t, 1, times, id)
	}
	signals := map[record.Signal]bool{}
	for _, e := range s.Requests() {
		signals[e.Signal] = true
	}
	assert.Len(t, signals, 3)
}

func TestResourceExhaustedIsRetryableOnlyWithADelay(t *testing.T) {
	s := shore.Start(t)
	c, err := load.NewGRPC(s.GRPCEndpoint())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	for delay, retryable := range map[time.Duration]bool{0: false, time.Second: true} {
		s.SetFault(shore.Status(429, shore.RetryAfter(delay)))
		var r *load.Refusal
		require.ErrorAs(t, c.Send(t.Context(), batch), &r)
		assert.Equal(t, retryable, r.Retryable)
		assert.Equal(t, delay, r.Delay)
	}
}
