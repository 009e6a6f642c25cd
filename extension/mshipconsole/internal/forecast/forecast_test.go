package forecast_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipconsole/internal/forecast"
)

const (
	step = 5 * time.Second
	mib  = 1 << 20
)

// requireRight: the forecast is off by a quarter of the time left at most, or by one step.
func requireRight(t *testing.T, at *time.Time, left time.Duration) {
	t.Helper()
	require.NotNil(t, at)
	assert.InDelta(t, left.Seconds(), time.Until(*at).Seconds(), max(left.Seconds()/4, step.Seconds()))
}

// A link of a steady rate that carries parcels of 2 MiB, while 10 % of what it carries comes in anew.
func TestASteadyDrainIsForeseen(t *testing.T) {
	t.Parallel()
	for name, parcel := range map[string]float64{"smooth": 1, "in parcels": 2 * mib} {
		synctest.Test(t, func(t *testing.T) {
			trend := forecast.New()
			size, rate := 200.0*mib, 0.45*mib
			begin := time.Now()
			level := func() float64 {
				sent := time.Since(begin).Seconds() * rate
				return max(size-float64(int(sent/parcel))*parcel, 0)
			}
			total := time.Duration(size / rate * float64(time.Second))
			checked := 0
			for level() > 0 {
				trend.Add(forecast.Sample{Closed: true, Bytes: level(), Records: level() / 100})
				if time.Since(begin) >= 20*time.Second {
					f := trend.Forecast()
					requireRight(t, f.EmptyAt, total-time.Since(begin))
					assert.InEpsilon(t, rate, f.DrainBytesPerSecond, 0.25, name)
					assert.InEpsilon(t, rate/100, f.DrainRecordsPerSecond, 0.25, name)
					assert.Nil(t, f.DiskFullAt)
					checked++
				}
				time.Sleep(step)
			}
			assert.Greater(t, checked, 50)
		})
	}
}

// The link comes back: what was before must not be in the forecast.
func TestAfterAnOutageItIsRightAtOnce(t *testing.T) {
	t.Parallel()
	for name, hasBreaker := range map[string]bool{"breaker": true, "no breaker": false} {
		synctest.Test(t, func(t *testing.T) {
			trend, level := forecast.New(), 0.0
			for range 100 {
				trend.Add(forecast.Sample{Closed: !hasBreaker, Bytes: level})
				time.Sleep(step)
				level += 5 * mib
			}
			assert.Nil(t, trend.Forecast().EmptyAt, name)
			assert.Negative(t, trend.Forecast().DrainBytesPerSecond)
			for range 4 {
				trend.Add(forecast.Sample{Closed: true, Bytes: level})
				time.Sleep(step)
				level -= 10 * mib
			}
			trend.Add(forecast.Sample{Closed: true, Bytes: level})
			requireRight(t, trend.Forecast().EmptyAt, time.Duration(level/(10*mib))*step)
		})
	}
}

func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rooms func(level float64) [2]forecast.Room
		left  func(level float64) float64
	}{
		"disk": {
			func(l float64) [2]forecast.Room { return [2]forecast.Room{{Used: l / 2, Max: 1000 * mib}} },
			func(l float64) float64 { return 2000*mib - l },
		},
		"queue's limit": {
			func(l float64) [2]forecast.Room { return [2]forecast.Room{1: {Used: l, Max: 1000 * mib}} },
			func(l float64) float64 { return 1000*mib - l },
		},
		"whichever is first": {
			func(l float64) [2]forecast.Room {
				return [2]forecast.Room{{Used: l / 2, Max: 1000 * mib}, {Used: l, Max: 5000 * mib}}
			},
			func(l float64) float64 { return 2000*mib - l },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				trend, level, random := forecast.New(), 0.0, rand.New(rand.NewPCG(1, 2))
				for i := range 200 {
					trend.Add(forecast.Sample{Bytes: level, Rooms: c.rooms(level)})
					if i > 24 { // two minutes
						requireRight(t, trend.Forecast().DiskFullAt, time.Duration(c.left(level)/(2*mib)*float64(step)))
					}
					time.Sleep(step)
					level += 4 * mib * random.Float64() // 2 MiB on average
				}
				assert.Nil(t, trend.Forecast().EmptyAt)
			})
		})
	}
}

func TestNothingIsSaidWithoutReason(t *testing.T) {
	t.Parallel()
	room := [2]forecast.Room{{Used: 5, Max: 10}}
	for name, c := range map[string][]float64{
		"none":        {},
		"one":         {5},
		"two":         {6, 5},
		"still":       {5, 5, 5, 5},
		"empty":       {0, 0, 0, 0},
		"a year's":    {1e12, 1e12 - 1, 1e12 - 2, 1e12 - 3},
		"just empty":  {9, 5, 1, 0},
		"not a thing": {0, 0, 0, 1e-300},
	} {
		synctest.Test(t, func(t *testing.T) {
			trend := forecast.New()
			for _, level := range c {
				trend.Add(forecast.Sample{Closed: true, Bytes: level, Rooms: room})
				time.Sleep(step)
			}
			f := trend.Forecast()
			assert.Nil(t, f.EmptyAt, name)
			assert.Nil(t, f.DiskFullAt, name)
		})
	}
}

// What a burst brings is gone a moment later; the queue as a whole grows all the same.
func TestBurstsWhileItGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trend, level := forecast.New(), 100.0
		for i := range 60 {
			if i%2 == 0 {
				level += 30
			} else {
				level -= 20
			}
			trend.Add(forecast.Sample{Closed: true, Bytes: level})
			assert.Nil(t, trend.Forecast().EmptyAt)
			time.Sleep(step)
		}
	})
}

func TestOldForecastsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trend := forecast.New()
		for level := range 5 {
			trend.Add(forecast.Sample{Closed: true, Bytes: float64(1000 - level)})
			time.Sleep(step)
		}
		require.NotNil(t, trend.Forecast().EmptyAt)
		time.Sleep(2 * time.Minute) // the sink does not answer any more
		assert.Equal(t, forecast.Forecast{}, trend.Forecast())
	})
}
