package yield_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/yield"
)

// fixture is the layer with a queue's back and dead letters, both in memory.
type fixture struct {
	yield.Settings
	letters deliverytest.Letters
	back    []delivery.Batch
	full    error
	closed  bool
}

func newFixture() *fixture {
	f := &fixture{closed: true}
	f.Settings = yield.Settings{
		MaxRetries: 5,
		Requeue: func(_ context.Context, b delivery.Batch) error {
			if f.full == nil {
				f.back = append(f.back, b)
			}
			return f.full
		},
		Park:    f.letters.Park,
		MayMove: func() bool { return f.closed },
	}
	return f
}

func (f *fixture) send(t *testing.T, b delivery.Batch, answer error) (delivery.Outcome, error) {
	t.Helper()
	return yield.New(f.Settings)(deliverytest.NewSender(deliverytest.Always(answer))).Send(t.Context(), b)
}

func TestASuccessPasses(t *testing.T) {
	f := newFixture()
	outcome, err := f.send(t, deliverytest.Batch(1, 1), nil)
	require.NoError(t, err)
	assert.Equal(t, delivery.Delivered, outcome)
}

func TestWhenABatchGivesUpItsTurn(t *testing.T) {
	for name, test := range map[string]struct {
		answer     *delivery.Failure
		refusals   int
		maxRetries int
		open, full bool
		moved      bool
		rounds     int
	}{
		"undecided":                        {answer: deliverytest.Refusal(400), maxRetries: 5, moved: true},
		"undecided, breaker open":          {answer: deliverytest.Refusal(400), maxRetries: 5, open: true},
		"undecided, the back is shut":      {answer: deliverytest.Refusal(400), maxRetries: 5, full: true},
		"refused too little":               {answer: deliverytest.Answered(500), refusals: 4, maxRetries: 5},
		"refused enough":                   {answer: deliverytest.Answered(500), refusals: 5, maxRetries: 5, moved: true, rounds: 1},
		"refused enough, breaker open":     {answer: deliverytest.Answered(500), refusals: 5, maxRetries: 5, open: true},
		"refused enough, the back is shut": {answer: deliverytest.Answered(500), refusals: 5, maxRetries: 5, full: true, rounds: 1},
		"refused much, no limit":           {answer: deliverytest.Answered(500), refusals: 500},
		"our doing":                        {answer: deliverytest.OurDoing(), refusals: 5, maxRetries: 5},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.MaxRetries, f.closed = test.maxRetries, !test.open
			if test.full {
				f.full = errors.New("no space left")
			}
			b := deliverytest.Batch(1, 3)
			b.History.Refusals, b.History.LastCounted = test.refusals, 9
			outcome, err := f.send(t, b, test.answer)
			assert.Equal(t, test.rounds, b.History.Rounds)
			assert.Empty(t, f.letters.Entries())
			if !test.moved {
				require.Error(t, err)
				assert.Equal(t, test.answer.Fault, delivery.AsFailure(err).Fault, "the failure itself goes on to the backoff")
				assert.Empty(t, f.back)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, delivery.Requeued, outcome)
			assert.Equal(t, []delivery.Batch{b}, f.back)
		})
	}
}

func TestTheThirdRoundIsPoison(t *testing.T) {
	f := newFixture()
	b := deliverytest.Batch(1, 3)
	for range 2 {
		b.History.Refusals, b.History.LastCounted = 5, 9
		outcome, err := f.send(t, b, deliverytest.Answered(500))
		require.NoError(t, err)
		assert.Equal(t, delivery.Requeued, outcome)
		assert.Zero(t, b.History.Refusals, "each round needs refusals of its own")
		assert.Zero(t, b.History.LastCounted)
	}
	b.History.Refusals = 5
	outcome, err := f.send(t, b, deliverytest.Answered(500))
	require.NoError(t, err)
	assert.Equal(t, delivery.DeadLettered, outcome)
	assert.Equal(t, []deliverytest.Entry{{Numbers: []int{1, 2, 3}, Reason: "poison", Status: 500}}, f.letters.Entries())
	assert.Len(t, f.back, 2)
}

func TestParkingThatFailsKeepsTheBatch(t *testing.T) {
	f := newFixture()
	f.letters.Fail(errors.New("read-only file system"))
	b := deliverytest.Batch(1, 3)
	b.History.Rounds, b.History.Refusals = 2, 5
	_, err := f.send(t, b, deliverytest.Answered(500))
	require.ErrorContains(t, err, "read-only file system")
	assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault)
	assert.Equal(t, []int{1, 2, 3}, deliverytest.Remaining(b))

	f.letters.Fail(nil)
	b.History.Refusals = 5
	outcome, err := f.send(t, b, deliverytest.Answered(500))
	require.NoError(t, err)
	assert.Equal(t, delivery.DeadLettered, outcome)
}

func withParts(parts ...delivery.Batch) delivery.Batch {
	b := deliverytest.Batch(1, 9)
	b.History.Parts = parts
	b.History.Taken = true
	return b
}

func TestOnlyWhatIsLeftGoesToTheBack(t *testing.T) {
	f := newFixture()
	first, second := deliverytest.Batch(2, 1), deliverytest.Batch(5, 2)
	b := withParts(first, second)
	b.History.Refusals = 5
	outcome, err := f.send(t, b, deliverytest.Answered(500))
	require.NoError(t, err)
	assert.Equal(t, delivery.Requeued, outcome)
	assert.Equal(t, []delivery.Batch{first, second}, f.back)
	assert.Equal(t, 1, first.History.Rounds)
	assert.Equal(t, 1, second.History.Rounds)
}

func TestABackThatShutsHalfwayKeepsTheRest(t *testing.T) {
	f := newFixture()
	first, second, third := deliverytest.Batch(2, 1), deliverytest.Batch(5, 2), deliverytest.Batch(8, 1)
	b := withParts(first, second, third)
	requeue := f.Requeue
	f.Requeue = func(ctx context.Context, part delivery.Batch) error {
		if len(f.back) == 1 {
			return errors.New("no space left")
		}
		return requeue(ctx, part)
	}
	_, err := f.send(t, b, deliverytest.Refusal(400))
	require.Error(t, err)
	assert.Equal(t, []delivery.Batch{first}, f.back)
	assert.Equal(t, []int{5, 6, 8}, deliverytest.Remaining(b), "what stands at the back is not sent from the front too")
}

// The refusals of a part are the batch's: a round that is over is over for both.
func TestARoundIsOverForThePartsToo(t *testing.T) {
	f := newFixture()
	f.full = errors.New("no space left")
	part := deliverytest.Batch(2, 1)
	part.History.Refusals, part.History.LastCounted = 5, 9
	b := withParts(part)
	b.History.Refusals = 5
	_, err := f.send(t, b, deliverytest.Answered(500))
	require.Error(t, err)
	assert.Equal(t, 1, b.History.Rounds)
	assert.Zero(t, part.History.Refusals, "or halve would count the same refusals again")
	assert.Zero(t, part.History.LastCounted)
}

// A queue in memory hands the same History to the next consumer as soon as the
// batch stands at the back: the front must not touch it any more.
func TestHandsOffWhatIsRequeued(t *testing.T) {
	f := newFixture()
	left := deliverytest.Batch(5, 2)
	f.Requeue = func(_ context.Context, b delivery.Batch) error {
		b.History.Parts = []delivery.Batch{left} // the next consumer was quick, and half of it was taken
		return nil
	}
	b := deliverytest.Batch(1, 9)
	_, err := f.send(t, b, deliverytest.Refusal(400))
	require.NoError(t, err)
	assert.Equal(t, []delivery.Batch{left}, b.History.Parts, "a part was lost")
}

// Stored whole, the batch would bring its accepted parts again after the restart.
func TestPartsSurviveAShutdown(t *testing.T) {
	f := newFixture()
	f.closed = false
	part := deliverytest.Batch(5, 2)
	outcome, err := f.send(t, withParts(part), deliverytest.OurDoing())
	require.NoError(t, err)
	assert.Equal(t, delivery.Requeued, outcome)
	assert.Equal(t, []delivery.Batch{part}, f.back)

	f.full = errors.New("the queue is closed")
	b := withParts(part)
	_, err = f.send(t, b, deliverytest.OurDoing())
	require.Error(t, err)
	assert.Equal(t, []int{5, 6}, deliverytest.Remaining(b))
}

func TestWhatIsTooOldIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.MaxAge, f.closed = time.Hour, false
		b := deliverytest.Batch(1, 1)
		time.Sleep(time.Hour)
		_, err := f.send(t, b, deliverytest.Broken())
		require.Error(t, err, "an hour is not more than an hour")
		time.Sleep(time.Nanosecond)
		_, err = f.send(t, b, deliverytest.OurDoing())
		require.Error(t, err, "a shutdown parks nothing")
		outcome, err := f.send(t, b, deliverytest.Broken())
		require.NoError(t, err)
		assert.Equal(t, delivery.DeadLettered, outcome, "parking needs no closed breaker")
		assert.Equal(t, []deliverytest.Entry{{Numbers: []int{1}, Reason: "expired"}}, f.letters.Entries())
	})
}

func TestWithoutALimitNothingExpires(t *testing.T) {
	f := newFixture()
	b := deliverytest.Batch(1, 1)
	b.History.FirstSeen = time.Unix(0, 0)
	_, err := f.send(t, b, deliverytest.Broken())
	require.Error(t, err)
	assert.Empty(t, f.letters.Entries())
}
