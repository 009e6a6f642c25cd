package allowance_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/allowance"
	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
)

// disk is a storage in memory that can be copied as a kill would leave it.
type disk struct {
	storage.Client
	mu     sync.Mutex
	values map[string][]byte
	err    error
	writes int
	during func() // a write
}

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], d.err
}

func (d *disk) Set(_ context.Context, key string, value []byte) error {
	if d.during != nil {
		d.during()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.values[key] = value
		d.writes++
	}
	return d.err
}

func (d *disk) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if err := d.Set(ctx, op.Key, op.Value); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) fails(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// ship is a machine whose clock may be wrong.
type ship struct {
	t       *testing.T
	plan    allowance.Plan
	disk    *disk
	logs    *observer.ObservedLogs
	logger  *zap.Logger
	account *allowance.Account
	beside  func() *storage.Operation

	mu    sync.Mutex
	wrong time.Duration
	state allowance.State
	news  int
}

const limit = 10_000_000

func daily(t *testing.T) *ship {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	s := &ship{t: t, disk: &disk{values: map[string][]byte{}}, logs: logs, logger: zap.New(core)}
	s.plan = allowance.Plan{Bytes: limit, Rate: 10_000, Period: calendar.Period{Per: calendar.PerDay, Zone: time.UTC}}
	s.boots()
	return s
}

func (s *ship) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.wrong)
}

func (s *ship) error() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

func (s *ship) exhausted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Exhausted
}

func (s *ship) told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.news
}

// jumps sets the clock, and gives it the time to be looked at.
func (s *ship) jumps(by time.Duration) {
	s.mu.Lock()
	s.wrong += by
	s.mu.Unlock()
	time.Sleep(11 * time.Second)
}

func (s *ship) boots() {
	s.account = allowance.Open(s.t.Context(), allowance.Settings{
		Plan: s.plan, Client: s.disk, Logger: s.logger, Now: s.now, Beside: s.beside,
		Changed: func(state allowance.State) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.state = state
			s.news++
		},
	})
}

// dies leaves what the disk has at this moment.
func (s *ship) dies() {
	s.disk.mu.Lock()
	left := &disk{values: maps.Clone(s.disk.values)}
	s.disk.mu.Unlock()
	s.shuts()
	s.disk = left
}

func (s *ship) shuts() {
	if err := s.account.Close(s.t.Context()); s.disk.err == nil {
		require.NoError(s.t, err)
	}
}

// sends draws up to so many bytes, in small pieces, and tells how many it got.
func (s *ship) sends(most int) (sent int) {
	for sent < most {
		n := s.account.Draw(min(1000, most-sent))
		sent += n
		synctest.Wait() // the lease is renewed
		if n == 0 {
			if n = s.account.Draw(1); n == 0 {
				return sent
			}
			sent += n
		}
	}
	return sent
}

func TestNothingIsDrawnOverIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		assert.Equal(t, limit, s.sends(2*limit))
		assert.Zero(t, s.account.Left())
		assert.False(t, s.account.Any())
		assert.True(t, s.exhausted())
		time.Sleep(23 * time.Hour)
		assert.Zero(t, s.sends(1))
		s.account.Return(300)
		assert.Equal(t, 300, s.sends(1000))
		time.Sleep(time.Hour)
		assert.Equal(t, limit, s.sends(2*limit), "the next day")
		s.shuts()
	})
}

func TestItGoesOnAfterAnEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(s *ship)
		exact int
	}{
		"shutdown": {(*ship).shuts, 0},
		"kill":     {(*ship).dies, limit / 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, sent := daily(t), 0
				for range 4 {
					sent += s.sends(2_000_123)
					c.end(s)
					s.boots()
					s.plan.Rate *= 3 // however large a lease may be
				}
				sent += s.sends(limit)
				assert.LessOrEqual(t, sent, limit)
				assert.GreaterOrEqual(t, sent, limit-4*c.exact)
				assert.GreaterOrEqual(t, sent, limit*99/100)
				s.dies()
				s.boots()
				assert.Zero(t, s.sends(1))
				s.shuts()
			})
		})
	}
}

func TestAKillAtTheTurnOfThePeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		s.sends(limit)
		time.Sleep(24*time.Hour + time.Second)
		sent := s.sends(limit / 2)
		s.dies()
		s.boots()
		sent += s.sends(limit)
		assert.LessOrEqual(t, sent, limit)
		assert.GreaterOrEqual(t, sent, limit*99/100)
		s.dies()
		time.Sleep(24*time.Hour + time.Second)
		s.boots()
		assert.Equal(t, limit, s.sends(2*limit), "the period turned while the ship was dead")
		s.shuts()
	})
}

func TestWhatComesBackCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		s.account.Spend(limit - 500)
		synctest.Wait()
		assert.Equal(t, 500, s.sends(limit))
		s.account.Spend(400)
		assert.Zero(t, s.account.Left())
		s.dies()
		s.boots()
		assert.Zero(t, s.sends(1))
		s.shuts()
	})
}

// A disk may be slow; what is sent while it writes counts.
func TestWhatIsSentDuringAWriteCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sent := daily(t), 0
		s.disk.during = func() { sent += s.account.Draw(100) }
		sent += s.sends(2 * limit)
		s.disk.during = nil
		assert.Equal(t, limit, sent)
		s.shuts()
	})
}

func TestSlowGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		s.shuts()
		s.plan.Slow = true
		s.boots()
		assert.Equal(t, 2*limit, s.sends(2*limit))
		assert.True(t, s.exhausted())
		assert.Zero(t, s.account.Left())
		assert.Less(t, s.disk.writes, 2*limit/(limit/500)*2+10)
		assert.Less(t, s.told(), 2*limit/(limit/500)*2+10)
		time.Sleep(24*time.Hour + time.Second)
		assert.False(t, s.exhausted())
		assert.EqualValues(t, limit, s.account.Left())
		s.shuts()
	})
}

// The storage may be full until the queue has drained: then the count is kept in memory.
func TestAStorageThatFailsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		s.disk.fails(errors.New("full"))
		assert.Equal(t, limit/2, s.sends(limit/2))
		assert.Len(t, s.logs.FilterMessageSnippet("cannot be stored").All(), 1)
		s.disk.fails(nil)
		assert.Equal(t, limit/2, s.sends(limit))
		assert.Len(t, s.logs.FilterMessageSnippet("stored again").All(), 1)
		s.dies()
		s.boots()
		assert.Zero(t, s.sends(1))
		s.shuts()
	})
}

func TestADamagedCountBeginsAnew(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", "7", `{"version":2}`, `{"version":1,"total":-1}`, `{"version":1,"total":1,"marks":[{"period":"2026-01-02T00:00:00Z"},{"period":"2026-01-01T00:00:00Z"}]}`} {
		synctest.Test(t, func(t *testing.T) {
			s := daily(t)
			s.shuts()
			s.disk.values["allowance"] = []byte(text)
			s.boots()
			assert.Len(t, s.logs.FilterMessageSnippet("cannot be read").All(), 1, text)
			assert.Equal(t, limit, s.sends(2*limit))
			s.shuts()
		})
	}
}

func TestClocksThatJump(t *testing.T) {
	t.Parallel()
	const day, years = 24 * time.Hour, 3653 * 24 * time.Hour
	for name, play := range map[string]func(t *testing.T, s *ship){
		"back a day, and right again": func(t *testing.T, s *ship) {
			assert.Equal(t, 7_000_000, s.sends(7_000_000))
			s.jumps(-day)
			assert.Equal(t, 2_000_000, s.sends(2_000_000))
			s.jumps(day)
			assert.Equal(t, 1_000_000, s.sends(limit))
			time.Sleep(day)
			assert.Equal(t, limit, s.sends(2*limit))
		},
		"back to 1970 at each start": func(t *testing.T, s *ship) {
			time.Sleep(5*day + time.Hour)
			sent := s.sends(7_000_000)
			for range 3 {
				wrong := -time.Since(time.Unix(0, 0))
				s.shuts()
				s.jumps(wrong)
				s.boots()
				sent += s.sends(100_000)
				s.jumps(-wrong)
			}
			sent += s.sends(limit)
			assert.Equal(t, limit, sent)
		},
		"back over midnight, and over it again": func(t *testing.T, s *ship) {
			s.sends(limit)
			s.jumps(-2 * day)
			for range 20 {
				time.Sleep(time.Hour)
				assert.Zero(t, s.sends(1), "midnight there begins nothing")
			}
		},
		"in 1970 for ever": func(t *testing.T, s *ship) {
			s.sends(limit)
			s.jumps(-20 * 365 * day)
			sent := 0
			for range 24 * 20 {
				time.Sleep(time.Hour)
				sent += s.sends(2 * limit)
			}
			assert.GreaterOrEqual(t, sent, 17*limit)
			assert.LessOrEqual(t, sent, 20*limit)
		},
		"ten years ahead, and right again": func(t *testing.T, s *ship) {
			s.sends(9_000_000)
			s.jumps(years)
			assert.Equal(t, 500_000, s.sends(500_000))
			s.jumps(-years)
			assert.Equal(t, 500_000, s.sends(limit), "what was sent in the false year was sent today")
			sent := 0
			for range 24 * 10 {
				time.Sleep(time.Hour)
				sent += s.sends(2 * limit)
			}
			assert.GreaterOrEqual(t, sent, 7*limit, "it is not held for ten years")
			assert.LessOrEqual(t, sent, 10*limit)
		},
		"ten years ahead, off, and right again": func(t *testing.T, s *ship) {
			s.sends(9_000_000)
			s.jumps(years)
			s.sends(500_000)
			s.dies()
			s.jumps(-years)
			s.boots()
			sent := s.sends(limit)
			assert.LessOrEqual(t, sent, 500_000)
			assert.GreaterOrEqual(t, sent, 400_000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := daily(t)
				play(t, s)
				s.shuts()
			})
		})
	}
}

func TestAnotherPlanDoesNotBeginAfresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		time.Sleep(36 * time.Hour)
		s.sends(6_000_000)
		s.shuts()
		s.plan.Period.Per, s.plan.Period.Day = calendar.PerMonth, 1
		s.boots()
		assert.EqualValues(t, 4_000_000, s.account.Left())
		s.shuts()
	})
}

// Whatever kills, and clocks that go back and are put right, do: no more is sent than the days
// that have really begun allow.
func TestNeverOverItAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(15) {
		synctest.Test(t, func(t *testing.T) {
			s, random := daily(t), rand.New(rand.NewPCG(seed, 7))
			began, sent := time.Now(), 0
			for range 100 {
				switch random.IntN(6) {
				case 0:
					s.dies()
					time.Sleep(time.Duration(random.IntN(3)) * time.Hour)
					s.boots()
				case 1:
					if s.error() == 0 {
						s.jumps(-time.Duration(random.IntN(4*24)) * time.Hour)
					}
				case 2, 3:
					s.jumps(-s.error())
				default:
					time.Sleep(time.Duration(random.IntN(300)) * time.Minute)
				}
				sent += s.sends(random.IntN(limit))
				days := 1 + int(time.Since(began)/(24*time.Hour))
				require.LessOrEqual(t, sent, days*limit, "seed %d", seed)
			}
			s.shuts()
			assert.Greater(t, sent, limit)
		})
	}
}

// What was drawn yesterday and comes back today gives today no more.
func TestWhatComesBackTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		drawn := s.sends(limit / 2)
		time.Sleep(24*time.Hour + time.Second)
		s.account.Return(drawn)
		assert.Equal(t, limit, s.sends(2*limit))
		s.shuts()
	})
}

// What is stored beside the count is never older than the count.
func TestWhatIsStoredBeside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sent := daily(t), 0
		s.shuts()
		s.beside = func() *storage.Operation { return storage.SetOperation("beside", []byte(strconv.Itoa(sent))) }
		s.boots()
		for range 50 {
			sent += s.sends(limit / 200)
		}
		s.disk.mu.Lock()
		stored, err := strconv.Atoi(string(s.disk.values["beside"]))
		s.disk.mu.Unlock()
		require.NoError(t, err)
		assert.GreaterOrEqual(t, stored, sent-limit/100, "a lease and what was sent at once")
		s.shuts()
		assert.Equal(t, strconv.Itoa(sent), string(s.disk.values["beside"]))
	})
}

func TestTheStateNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := daily(t)
		midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
		assert.Equal(t, allowance.State{Start: midnight.AddDate(0, 0, -1), Next: midnight}, s.account.State())
		s.sends(limit)
		assert.True(t, s.account.State().Exhausted)
		s.shuts()
	})
}
