package history_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/history"
)

const step = 5 * time.Second

func TestAnHourAndADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := history.New(step)
		assert.Empty(t, h.Hour().Points)
		for i := range 25 * 720 {
			h.Add(history.Sample{QueueBytes: float64(i), QueueBatches: 1, DeliveredRecords: float64(10 * i), DeliveredBytes: float64(1000 * i)})
			time.Sleep(step)
		}
		hour, day := h.Hour(), h.Day()
		assert.Equal(t, 5.0, hour.StepSeconds)
		assert.Equal(t, 120.0, day.StepSeconds)
		assert.InDelta(t, 720, len(hour.Points), 1)
		assert.InDelta(t, 720, len(day.Points), 1)
		for _, p := range hour.Points {
			require.NotNil(t, p.DeliveredRecords)
			assert.Equal(t, 10.0, *p.DeliveredRecords)
			assert.Equal(t, 1000.0, *p.DeliveredBytes)
		}
		assert.Equal(t, 25.0*720-1, *hour.Points[len(hour.Points)-1].QueueBytes)
		assert.Equal(t, 240.0, *day.Points[100].DeliveredRecords)
		assert.Equal(t, 2*time.Minute, day.Points[1].At.Sub(day.Points[0].At))
		assert.WithinDuration(t, time.Now(), hour.Points[len(hour.Points)-1].At, 2*step)
	})
}

func TestWhereTheSinkWasNotAskedThereIsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := history.New(step)
		time.Sleep(time.Minute) // before the first sample there are no points
		h.Add(history.Sample{QueueBytes: 1, DeliveredRecords: 100})
		time.Sleep(4 * step)
		h.Add(history.Sample{QueueBytes: 2, DeliveredRecords: 150})
		points := h.Hour().Points
		require.Len(t, points, 5)
		for _, p := range points[1:4] {
			assert.Nil(t, p.QueueBytes)
			assert.Nil(t, p.DeliveredRecords)
		}
		assert.Equal(t, 50.0, *points[4].DeliveredRecords)

		time.Sleep(2 * time.Hour) // all of it is older than an hour
		for _, p := range h.Hour().Points {
			assert.Nil(t, p.QueueBytes)
		}
	})
}

func TestACounterThatBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := history.New(step)
		for _, delivered := range []float64{1000, 1010, 3} {
			h.Add(history.Sample{DeliveredRecords: delivered})
			time.Sleep(step)
		}
		points := h.Hour().Points
		require.Len(t, points, 3)
		assert.Equal(t, 0.0, *points[0].DeliveredRecords, "what was delivered before is not of this step")
		assert.Equal(t, 10.0, *points[1].DeliveredRecords)
		assert.Equal(t, 3.0, *points[2].DeliveredRecords)
	})
}
