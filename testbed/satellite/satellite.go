// Package satellite is a long way between ship and shore. It knows bytes and
// connections only, so that whatever speaks TCP can go over it, TLS too.
//
//	ship ──▶ Port ──▶ flight, OneWay ──▶ target
//	     ◀──      ◀── flight, OneWay ◀──
//	           │
//	        Record, at the ship's side of the port
//
// What a port reads from the ship it reads at once, however long the flight: the
// kernel aboard is told soon that its bytes have come. So a link has the round trips
// of all that is asked and answered on it, TLS and HTTP, but not TCP's own slow start.
package satellite

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Settings of a Link.
type Settings struct {
	// OneWay is how long each byte flies, either way. A connection takes a round
	// trip more before its first byte is on its way.
	OneWay time.Duration
}

// Link is the way of all its ports. It is safe for concurrent use.
type Link struct {
	settings Settings
	stalls   stalls
	resets   atomic.Uint64 // a float64's bits
	stop     chan struct{}
	running  sync.WaitGroup

	mu    sync.Mutex
	ports []*Port
}

// Start starts a link that ends with the test.
func Start(t testing.TB, s Settings) *Link {
	t.Helper()
	l := &Link{settings: s, stop: make(chan struct{})}
	l.running.Go(func() { l.stalls.watch(l.stop) })
	l.running.Go(l.reset)
	t.Cleanup(l.close)
	return l
}

// Resets sets the share of the open connections that is reset in each second from
// now on, 0 to 1: 0.02 resets one of ten connections every 5 s, and a single one
// every 50 s, the first after half of that.
func (l *Link) Resets(share float64) { l.resets.Store(math.Float64bits(share)) }

func (l *Link) close() {
	close(l.stop)
	l.mu.Lock()
	ports := l.ports
	l.mu.Unlock()
	for _, p := range ports {
		p.Down()
	}
	l.running.Wait()
}

// resetStep is how often the dice are thrown.
const resetStep = 100 * time.Millisecond

// reset breaks connections until the link ends: as many as its share says, which
// ones is as by dice, but the same in every run.
func (l *Link) reset() {
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	tick := time.NewTicker(resetStep)
	defer tick.Stop()
	owed := 0.5
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		open, share := l.open(), math.Float64frombits(l.resets.Load())
		owed += share * float64(len(open)) * resetStep.Seconds()
		if owed >= 1 && len(open) > 0 {
			owed--
			open[dice.IntN(len(open))].breakOff()
		}
	}
}

// open lists the connections of all ports, the oldest of each port first.
func (l *Link) open() (all []*crossing) {
	l.mu.Lock()
	ports := l.ports
	l.mu.Unlock()
	for _, p := range ports {
		all = append(all, p.open()...)
	}
	return all
}
