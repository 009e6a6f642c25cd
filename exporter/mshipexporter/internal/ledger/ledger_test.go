package ledger

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

func ledgerOn(n *notebook) *Ledger {
	l := New(func(context.Context) {})
	l.Use(n.set, true)
	return l
}

func answer(outcome delivery.Outcome, err error) delivery.Sender {
	return delivery.SenderFunc(func(context.Context, delivery.Batch) (delivery.Outcome, error) { return outcome, err })
}

// leave is what the queue does with a batch that is done.
func leave(t *testing.T, n *notebook, l *Ledger, id delivery.ID) {
	t.Helper()
	riders, ended := l.Completed(id)
	err := n.client.Batch(t.Context(), riders...)
	ended(err)
}

func TestWhatIsDoneIsNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		outcome delivery.Outcome
		err     error
		known   bool
	}{
		"delivered": {delivery.Delivered, nil, true},
		"duplicate": {delivery.Duplicate, nil, true},
		"parked":    {delivery.DeadLettered, nil, true},
		"requeued":  {delivery.Requeued, nil, false},
		"failed":    {0, deliverytest.Broken(), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := open(t, storagetest.New())
				defer n.close()
				l, b := ledgerOn(n), deliverytest.Batch(1, 3)
				_, err := l.Layer(answer(c.outcome, c.err)).Send(t.Context(), b)
				require.Equal(t, c.err, err)
				assert.Equal(t, c.known, l.Done(b.ID), "before the queue forgets it, its copy may come")
				before := n.cut()
				assert.False(t, ledgerOn(before).Done(b.ID), "the entry rides in the Batch with which the queue forgets it")
				before.close()
				leave(t, n, l, b.ID)
				assert.Equal(t, c.known, l.Done(b.ID))
				after := n.cut()
				defer after.close()
				far := deliverytest.NewSender(deliverytest.Always(nil))
				outcome, err := ledgerOn(after).Layer(far).Send(t.Context(), b)
				require.NoError(t, err)
				if c.known {
					assert.Equal(t, delivery.Duplicate, outcome)
					assert.Empty(t, far.Sent())
				} else {
					assert.Equal(t, delivery.Delivered, outcome)
				}
			})
		})
	}
}

// The Batch with which the queue forgets a batch fails, and does so later again
// without the entry: the set writes it by itself.
func TestAnEntryWhoseBatchFailedIsWrittenAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		l, b := ledgerOn(n), deliverytest.Batch(1, 3)
		_, err := l.Layer(answer(delivery.Delivered, nil)).Send(t.Context(), b)
		require.NoError(t, err)
		_, ended := l.Completed(b.ID)
		ended(errDisk)
		assert.True(t, l.Done(b.ID))
		time.Sleep(2 * time.Second)
		after := n.cut()
		defer after.close()
		assert.True(t, ledgerOn(after).Done(b.ID))
	})
}

// A crash while a batch goes to the back of the queue leaves it there twice.
func TestOneCopyIsOnTheWayAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		duplicates := 0
		l := New(func(context.Context) { duplicates++ })
		l.Use(n.set, true)
		far := deliverytest.NewSender(func(context.Context, int, delivery.Batch) error {
			time.Sleep(time.Minute)
			return nil
		})
		sender := l.Layer(far)
		b := deliverytest.Batch(1, 3)
		go func() { _, _ = sender.Send(t.Context(), b) }()
		synctest.Wait()
		_, err := sender.Send(t.Context(), b)
		f := delivery.AsFailure(err)
		assert.Positive(t, f.Wait)
		assert.False(t, f.Sent)
		_, err = sender.Send(t.Context(), deliverytest.Batch(2, 1))
		require.NoError(t, err, "others are not held up")
		synctest.Wait()
		// The first is acknowledged, and stands in the queue yet.
		outcome, err := sender.Send(t.Context(), b)
		require.NoError(t, err)
		assert.Equal(t, delivery.Duplicate, outcome)
		assert.Equal(t, 1, duplicates)
		assert.Len(t, far.Sent(), 2)
	})
}

// Nobody completes what is in no queue on disk: it must not pile up.
func TestWithoutAQueueOnDiskNothingPilesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		l := New(func(context.Context) {})
		l.Use(n.set, false)
		for i := range 100 {
			_, err := l.Layer(answer(delivery.Delivered, nil)).Send(t.Context(), deliverytest.Batch(i, 1))
			require.NoError(t, err)
		}
		assert.Empty(t, l.done)
		assert.Empty(t, l.flying)
		assert.True(t, l.Done(deliverytest.Batch(99, 1).ID))
	})
}

func TestDamageHasNoIdentity(t *testing.T) {
	l := New(nil) // its set is never asked
	b := delivery.Batch{Damage: &delivery.Damage{}, History: &delivery.History{}}
	for range 2 {
		outcome, err := l.Layer(answer(delivery.DeadLettered, nil)).Send(t.Context(), b)
		require.NoError(t, err)
		assert.Equal(t, delivery.DeadLettered, outcome)
	}
}

// part is a part of a part, as halving makes them.
func part() (b delivery.Batch, whole, half delivery.ID) {
	whole = deliverytest.Batch(1, 8).ID
	half = whole.Part(1)
	b = deliverytest.Batch(5, 2)
	b.ID, b.Wholes = half.Part(0), []delivery.ID{whole, half}
	return b, whole, half
}

// A part that is done, or stands in the queue on its own, is remembered at
// once, over a power cut too, and nothing of which it is a part is sent as such again.
func TestPartsAreRememberedWithTheirWholes(t *testing.T) {
	for name, c := range map[string]struct {
		settle func(t *testing.T, n *notebook, l *Ledger, b delivery.Batch)
		done   bool
	}{
		"accepted": {func(t *testing.T, _ *notebook, l *Ledger, b delivery.Batch) {
			t.Helper()
			_, err := l.Parts(answer(delivery.Delivered, nil)).Send(t.Context(), b)
			require.NoError(t, err)
		}, true},
		"parked": {func(_ *testing.T, _ *notebook, l *Ledger, b delivery.Batch) { l.Parked(b) }, true},
		"moved to the back": {func(t *testing.T, n *notebook, l *Ledger, b delivery.Batch) {
			t.Helper()
			riders, ended := l.Moved(b)
			err := n.client.Batch(t.Context(), riders...)
			require.NoError(t, err)
			ended(err)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := open(t, storagetest.New())
				defer n.close()
				b, whole, half := part()
				c.settle(t, n, ledgerOn(n), b)
				after := n.cut()
				defer after.close()
				l := ledgerOn(after)
				assert.Equal(t, c.done, l.Done(b.ID))
				assert.True(t, l.Divided(whole))
				assert.True(t, l.Divided(half))
				assert.False(t, l.Divided(b.ID))
				assert.False(t, l.Done(whole))
				assert.False(t, l.Done(half))

				far := deliverytest.NewSender(deliverytest.Always(nil))
				_, err := l.Parts(far).Send(t.Context(), b)
				require.NoError(t, err)
				assert.Equal(t, c.done, len(far.Sent()) == 0)
				again := deliverytest.Batch(1, 8)
				_, err = l.Layer(answer(delivery.Delivered, nil)).Send(t.Context(), again)
				require.NoError(t, err)
				assert.True(t, again.History.Taken)
			})
		})
	}
}

func TestAPartThatFailedIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, storagetest.New())
		defer n.close()
		l := ledgerOn(n)
		b, whole, _ := part()
		_, err := l.Parts(answer(0, deliverytest.Broken())).Send(t.Context(), b)
		require.Error(t, err)
		assert.False(t, l.Done(b.ID))
		assert.False(t, l.Divided(whole))
		riders, ended := l.Moved(deliverytest.Batch(1, 8))
		ended(nil)
		assert.Empty(t, riders, "a whole that moves is the same whole")
	})
}
