package pacer_test

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/pacer"
)

const (
	rate  = 512 << 10
	burst = 64 << 10
)

// grant is what somebody was given, and when.
type grant struct {
	at    time.Time
	bytes int
}

// crew takes as much as it is given until it is told to stop.
type crew struct {
	sync.WaitGroup
	stop chan struct{}

	mu     sync.Mutex
	all    []grant
	shares map[*pacer.Member]int
}

func newCrew() *crew { return &crew{stop: make(chan struct{}), shares: map[*pacer.Member]int{}} }

func (c *crew) note(m *pacer.Member, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, grant{time.Now(), n})
	c.shares[m] += n
}

func (c *crew) share(m *pacer.Member) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shares[m]
}

// sends starts a writer that wants so much at a time.
func (c *crew) sends(m *pacer.Member, want int) {
	c.Go(func() {
		for {
			n, err := m.Take(want, false, pacer.Interrupt{Closed: c.stop})
			if err != nil {
				return
			}
			c.note(m, n)
		}
	})
}

func (c *crew) ends() {
	close(c.stop)
	c.Wait()
}

// most is the most in any window of a second, and the sum.
func (c *crew) most() (window, sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, inside := 0, 0
	for _, g := range c.all {
		inside += g.bytes
		sum += g.bytes
		for g.at.Sub(c.all[from].at) >= time.Second {
			inside -= c.all[from].bytes
			from++
		}
		window = max(window, inside)
	}
	return window, sum
}

func TestTheCapIsKeptAndUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ rate, burst, want, writers int }{
		"one":             {rate, burst, 16 << 10, 1},
		"ten":             {rate, burst, 16 << 10, 10},
		"small writes":    {rate, burst, 100, 4},
		"huge writes":     {rate, burst, 10 << 20, 3},
		"a slow link":     {128, 4096, 16 << 10, 2},
		"a fast link":     {50 << 20, 1 << 20, 16 << 10, 4},
		"a narrow bucket": {rate, 16 << 10, 64 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, all := pacer.New(int64(c.rate), int64(c.burst), nil), newCrew()
				for range c.writers {
					all.sends(p.Join(1, true), c.want)
				}
				const span = 30
				time.Sleep(span * time.Second)
				all.ends()
				p.Close()
				window, sum := all.most()
				assert.LessOrEqual(t, window, c.rate+c.burst)
				assert.GreaterOrEqual(t, sum, c.rate*span*98/100-1400)
				assert.LessOrEqual(t, sum, c.rate*span+c.burst)
			})
		})
	}
}

func TestSharesFollowTheWeights(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ heavy, light int }{
		"one connection each":   {1, 1},
		"many of the light one": {1, 10},
		"many of the heavy one": {10, 1},
		"many of both":          {4, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, all := pacer.New(rate, burst, nil), newCrew()
				heavy, light := p.Join(4, true), p.Join(1, true)
				for range c.heavy {
					all.sends(heavy, 16<<10)
				}
				for range c.light {
					all.sends(light, 64<<10)
				}
				time.Sleep(30 * time.Second)
				all.ends()
				p.Close()
				assert.InEpsilon(t, 4, float64(all.shares[heavy])/float64(all.shares[light]), 0.05)
			})
		})
	}
}

// A writer comes back late after each grant: its share is not lost for that.
func TestALateWriterKeepsItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, all := pacer.New(rate, burst, nil), newCrew()
		slow, quick := p.Join(1, true), p.Join(1, true)
		all.sends(quick, 16<<10)
		all.Go(func() {
			for {
				n, err := slow.Take(16<<10, false, pacer.Interrupt{Closed: all.stop})
				if err != nil {
					return
				}
				all.note(slow, n)
				time.Sleep(35 * time.Millisecond)
			}
		})
		time.Sleep(30 * time.Second)
		all.ends()
		p.Close()
		assert.InEpsilon(t, 1, float64(all.shares[slow])/float64(all.shares[quick]), 0.1)
	})
}

// Who was idle neither keeps anything from the others meanwhile, nor claims it afterwards.
func TestAnIdleShareIsUsedByTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, all := pacer.New(rate, burst, nil), newCrew()
		idle, busy := p.Join(10, true), p.Join(1, true)
		all.sends(busy, 16<<10)
		time.Sleep(20 * time.Second)
		alone := all.share(busy)
		assert.GreaterOrEqual(t, alone, rate*20*98/100)
		all.sends(idle, 16<<10)
		time.Sleep(20 * time.Second)
		all.ends()
		p.Close()
		assert.InEpsilon(t, rate*20/11, all.shares[busy]-alone, 0.1)
	})
}

// What is express waits for the budget, not for the backlog; and it counts.
func TestWhatIsExpressWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, all := pacer.New(rate, burst, nil), newCrew()
		for range 50 {
			all.sends(p.Join(100, true), 64<<10)
		}
		probe := p.Join(1, true)
		for range 20 {
			time.Sleep(time.Second)
			began := time.Now()
			n, err := probe.Take(2000, true, pacer.Interrupt{})
			require.NoError(t, err)
			all.note(probe, n)
			assert.LessOrEqual(t, time.Since(began), 60*time.Millisecond)
		}
		all.ends()
		p.Close()
		window, _ := all.most()
		assert.LessOrEqual(t, window, rate+burst)
	})
}

func TestWaitsEndWhenInterrupted(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	close(closed)
	for name, c := range map[string]struct {
		until  pacer.Interrupt
		before func(p *pacer.Pacer, m *pacer.Member)
		want   error
	}{
		"closed":       {pacer.Interrupt{Closed: closed}, nil, net.ErrClosed},
		"late":         {pacer.Interrupt{Late: closed}, nil, os.ErrDeadlineExceeded},
		"shut down":    {pacer.Interrupt{}, func(p *pacer.Pacer, _ *pacer.Member) { time.AfterFunc(time.Second, p.Close) }, pacer.ErrClosed},
		"left":         {pacer.Interrupt{}, func(_ *pacer.Pacer, m *pacer.Member) { time.AfterFunc(time.Second, m.Leave) }, pacer.ErrClosed},
		"shut already": {pacer.Interrupt{}, func(p *pacer.Pacer, _ *pacer.Member) { p.Close(); p.Close() }, pacer.ErrClosed},
		"left already": {pacer.Interrupt{}, func(_ *pacer.Pacer, m *pacer.Member) { m.Leave(); m.Leave() }, pacer.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := pacer.New(128, 1024, nil)
				m := p.Join(1, true)
				_, err := m.Take(1<<20, false, pacer.Interrupt{}) // the bucket is empty
				require.NoError(t, err)
				if c.before != nil {
					c.before(p, m)
				}
				_, err = m.Take(1<<20, false, c.until)
				require.ErrorIs(t, err, c.want)
				p.Close()
			})
		})
	}
}

// Where nothing keeps a writer waiting, an interruption still stops it.
func TestWhatIsInterruptedIsNotGranted(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	close(closed)
	p := pacer.New(rate, burst, nil)
	m := p.Join(1, true)
	for range 100 {
		_, err := m.Take(1, false, pacer.Interrupt{Closed: closed})
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = m.Take(1, false, pacer.Interrupt{Late: closed})
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	p.Close()
	_, err := m.Take(1, false, pacer.Interrupt{})
	require.ErrorIs(t, err, pacer.ErrClosed)
}

func TestWhatIsNotUrgentWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, all := pacer.New(rate, burst, nil), newCrew()
		p.SetOpen(false)
		bulk, urgent := p.Join(100, false), p.Join(1, true)
		all.sends(bulk, 16<<10)
		all.sends(urgent, 16<<10)
		awaited := make(chan error, 1)
		go func() { awaited <- bulk.Await(pacer.Interrupt{}) }()
		time.Sleep(10 * time.Second)
		assert.Zero(t, all.share(bulk))
		assert.True(t, bulk.Held())
		assert.False(t, urgent.Held())
		assert.GreaterOrEqual(t, all.share(urgent), rate*10*98/100, "who waits for the window keeps nobody")
		assert.Empty(t, awaited)
		p.SetOpen(true)
		require.NoError(t, <-awaited)
		time.Sleep(time.Second)
		assert.NotZero(t, all.share(bulk))
		all.ends()
		p.Close()
	})
}

// purse is a quota that the test fills.
type purse struct{ left, drawn int }

func (q *purse) Any() bool { return q.left > 0 }

func (q *purse) Return(n int) { q.left += n }

func (q *purse) Draw(n int) int {
	n = min(n, q.left)
	q.left -= n
	q.drawn += n
	return n
}

func TestTheQuotaIsNeverExceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &purse{left: 100_000}
		p, all := pacer.New(rate, burst, q), newCrew()
		m := p.Join(1, true)
		all.sends(m, 16<<10)
		all.sends(m, 7)
		time.Sleep(time.Minute)
		assert.Equal(t, 100_000, all.share(m))
		assert.True(t, m.Held())
		m.Return(50) // as if a connection had not taken the last of it
		time.Sleep(time.Second)
		assert.Equal(t, 100_050, all.share(m))
		all.ends()
		p.Close()
	})
}

// Whatever comes, goes, is interrupted, given back and changed: the cap holds, and nobody hangs.
func TestAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			p, all := pacer.New(rate, burst, nil), newCrew()
			for range 8 {
				own := rand.New(rand.NewPCG(seed, random.Uint64()))
				m := p.Join(1+own.IntN(5), own.IntN(3) > 0)
				all.Go(func() { all.muddles(m, own) })
			}
			for range 30 {
				time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
				switch random.IntN(3) {
				case 0:
					p.SetRate(int64(1 + random.IntN(rate)))
				case 1:
					p.SetOpen(random.IntN(2) == 0)
				default:
					p.Wake()
				}
			}
			p.SetRate(rate)
			p.SetOpen(true)
			_, before := all.most()
			time.Sleep(10 * time.Second)
			all.ends()
			p.Close()
			window, sum := all.most()
			assert.LessOrEqual(t, window, rate+burst)
			assert.Greater(t, sum-before, rate, "it goes on")
		})
	}
}

func (c *crew) muddles(m *pacer.Member, random *rand.Rand) {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		late := make(chan struct{})
		timer := time.AfterFunc(time.Duration(random.IntN(200))*time.Millisecond, func() { close(late) })
		n, err := m.Take(1+random.IntN(100_000), random.IntN(5) == 0, pacer.Interrupt{Closed: c.stop, Late: late})
		timer.Stop()
		if err != nil {
			continue
		}
		back := 0
		if random.IntN(4) == 0 {
			back = random.IntN(n + 1)
		}
		m.Return(back)
		c.note(m, n-back)
		if random.IntN(10) == 0 {
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
	}
}
