package mshipexporter

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/breaker"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter/api"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deliverytest"
)

// However old or many the changes are, the state at the begin of what is left is known.
func TestTheBreakersHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tl tally
		begin := time.Now().UTC()
		tl.breaker(breaker.Closed)
		time.Sleep(time.Hour)
		tl.breaker(breaker.Open)
		time.Sleep(time.Hour)
		tl.breaker(breaker.HalfOpen)
		hour := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
		closed, open, half := api.Change{At: hour(0), State: "closed"}, api.Change{At: hour(1), State: "open"}, api.Change{At: hour(2), State: "half-open"}
		same := func(want ...api.Change) {
			t.Helper()
			got := tl.history()
			assert.Len(t, got, len(want))
			for i, c := range got {
				assert.Equal(t, want[i].State, c.State)
				assert.True(t, want[i].At.Equal(c.At), "%s, not %s", c.At, want[i].At)
			}
		}
		same(closed, open, half)
		time.Sleep(23 * time.Hour) // it is hour 25: the change of hour 1 is 24 hours old
		same(closed, open, half)
		time.Sleep(time.Second)
		same(open, half)
		time.Sleep(time.Hour)
		same(half)
		time.Sleep(1000 * time.Hour)
		same(half)
		assert.EqualValues(t, 1, tl.counters().CircuitOpened)
	})
}

func TestTheBreakersHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tl tally
		const n = 2500
		begin := time.Now()
		for i := range n {
			tl.breaker(breaker.State(i % 3))
			time.Sleep(time.Second)
		}
		got := tl.history()
		assert.Len(t, got, mostChanges)
		assert.True(t, got[len(got)-1].At.Equal(begin.Add((n-1)*time.Second)), "the latest is there")
		assert.Equal(t, breaker.State((n-mostChanges)%3).String(), got[0].State)
		got[0].State = "of the reader's own"
		assert.NotEqual(t, got[0], tl.history()[0])
	})
}

func TestWhatIsCountedForPeople(t *testing.T) {
	var tl tally
	assert.Nil(t, tl.last.Load())
	var crowd sync.WaitGroup
	for range 4 {
		crowd.Go(func() {
			tl.delivered(deliverytest.Batch(0, 3).Payload)
			tl.failed(&delivery.Failure{Timeout: true, Err: errors.New("silence")})
			tl.breaker(breaker.Open)
			_, _ = tl.history(), tl.counters()
		})
	}
	crowd.Wait()
	assert.Equal(t, api.Counters{
		Errors: 4, Timeouts: 4, CircuitOpened: 4, DeliveredRecords: 12, DeliveredBytes: 12 * deliverytest.RecordBytes,
	}, tl.counters())
	tl.failed(&delivery.Failure{Status: 503, Message: "the far end answered 503", RetryAfter: 29700 * time.Millisecond})
	last := *tl.last.Load()
	assert.WithinDuration(t, time.Now(), last.At, time.Minute)
	last.At = time.Time{}
	assert.Equal(t, api.Answer{Status: 503, Text: "the far end answered 503, retry after 30s"}, last)
	assert.EqualValues(t, 4, tl.counters().Timeouts)
	tl.delivered(deliverytest.Batch(0, 1).Payload)
	assert.True(t, tl.last.Load().OK)
}
