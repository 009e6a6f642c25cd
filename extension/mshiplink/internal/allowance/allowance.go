// Package allowance counts what a plan's day or month has cost, on a storage, so that neither
// a kill nor a clock lets more be sent than the plan allows.
//
// Bytes are leased: the storage has them for spent before they are. What a kill leaves of a
// lease stays spent; a shutdown gives it back.
//
//	stored total ─────────────────────────────▶│ lease, to be sent
//	spent ────────────────────────────▶        │
//	mark ─ the period's allowance ──────────────────────────────▶│
package allowance

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshiplink/internal/calendar"
)

// key is part of the format: the book stands under it.
const key = "allowance"

const (
	// leaseShare of the allowance, 1/n, is the most that one kill can waste.
	leaseShare = 500
	// leaseTime is how many seconds at the link's rate a lease lasts, where the share allows: each is a write.
	leaseTime = 4
	// lookTime is the longest until a clock that jumps is noticed.
	lookTime = 10 * time.Second
	// inStep is how far the clock may be from the time that has passed since the last look.
	inStep = time.Minute
	// doubtStep is how often the time in doubt is stored.
	doubtStep = 10 * time.Minute
)

// Plan is what may be spent.
type Plan struct {
	Bytes  int64
	Period calendar.Period
	// Slow: go on when it is exhausted, at another rate. Else nothing is drawn then.
	Slow bool
	// Rate of the link, which says how large a lease should be.
	Rate int64
}

// State is what changes of an allowance.
type State struct {
	Exhausted bool
	Start     time.Time // of the period
	Next      time.Time // of the period after it
}

// Settings of an Account.
type Settings struct {
	Plan   Plan
	Client storage.Client
	Logger *zap.Logger
	// Now is the wall clock; nil is the machine's.
	Now func() time.Time
	// Changed is called, from one goroutine, when there is more to draw, and with each new state.
	Changed func(State)
	// Beside gives what is to be stored whenever the book is, in the same Batch; nil is nothing.
	Beside func() *storage.Operation
}

// Account is an allowance that is drawn on.
type Account struct {
	Settings
	lease int64

	mu     sync.Mutex
	book   book
	start  time.Time // the period that the clock showed when it was last looked at
	leased int64     // the total that the storage has
	told   bool      // exhausted, as it was last said

	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	// Of the goroutine alone:
	looked  look
	unsaved bool // the storage fails, which has been logged
	doubted time.Duration
}

// look is when the clock was looked at; the monotonic clock beside the wall's.
type look struct{ wall, ran time.Time }

// Open reads the book and leases the first bytes.
func Open(ctx context.Context, s Settings) *Account {
	if s.Now == nil {
		s.Now = time.Now
	}
	lease := max(min(s.Plan.Rate*leaseTime, s.Plan.Bytes/leaseShare), 1)
	a := &Account{Settings: s, lease: lease, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	text, err := s.Client.Get(ctx, key)
	if err == nil {
		a.book, err = decode(text)
	}
	if err != nil {
		s.Logger.Error("the allowance's count cannot be read: it begins at 0", zap.Error(err))
	}
	a.leased = a.book.Total
	a.look(ctx)
	a.tell()
	go a.run(context.WithoutCancel(ctx))
	return a
}

// Close stores what was spent, to the byte.
func (a *Account) Close(ctx context.Context) error {
	close(a.stop)
	<-a.done
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leased = a.book.Total
	return a.store(ctx, a.book)
}

func (a *Account) store(ctx context.Context, b book) error {
	if a.Beside == nil {
		return a.Client.Set(ctx, key, b.encode())
	}
	return a.Client.Batch(ctx, storage.SetOperation(key, b.encode()), a.Beside())
}

// Draw implements pacer.Quota.
func (a *Account) Draw(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n = int(max(min(int64(n), a.ready()), 0))
	if n > 0 { // else who is woken finds nothing either, and asks again, without end
		a.spend(int64(n))
	}
	return n
}

// Any implements pacer.Quota.
func (a *Account) Any() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ready() > 0
}

// Return implements pacer.Quota. What was drawn in a period that is over is not the present one's to spend.
func (a *Account) Return(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.book.Total = max(a.book.Total-int64(n), a.book.begun())
}

// Spend counts what nobody asked for: what came from the far end.
func (a *Account) Spend(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spend(int64(n))
}

// Left is what the period has left; never less than 0.
func (a *Account) Left() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.left(), 0)
}

// State of the allowance now.
func (a *Account) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return State{Exhausted: a.left() <= 0, Start: a.start, Next: a.Plan.Period.Next(a.Now())}
}

func (a *Account) spend(n int64) {
	a.book.Total += n
	if a.leased-a.book.Total < a.lease/2 || (a.left() <= 0) != a.told {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// ready is what may be sent now: leased, and within the allowance.
func (a *Account) ready() int64 {
	ready := a.leased - a.book.Total
	if !a.Plan.Slow {
		ready = min(ready, a.left())
	}
	return ready
}

func (a *Account) left() int64 { return a.Plan.Bytes - a.book.spent(a.start) }

func (a *Account) run(ctx context.Context) {
	defer close(a.done)
	timer := time.NewTimer(a.pause())
	defer timer.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-a.wake:
		case <-timer.C:
		}
		a.look(ctx)
		a.tell()
		timer.Reset(a.pause())
	}
}

// pause is until the next period, but never long: a clock that jumps tells nobody.
func (a *Account) pause() time.Duration {
	now := a.Now()
	return min(max(a.Plan.Period.Next(now).Sub(now), time.Millisecond), lookTime)
}

// look turns the book to the period that the clock shows, and leases. The storage has both
// before anything is drawn from them.
func (a *Account) look(ctx context.Context) {
	before, now := a.looked, look{a.Now(), time.Now()}
	a.looked = now
	var ran time.Duration
	if !before.ran.IsZero() {
		ran = now.ran.Sub(before.ran)
	}
	jumped := (now.wall.Round(0).Sub(before.wall.Round(0)) - ran).Abs()
	watched := !before.ran.IsZero() && jumped < inStep

	a.mu.Lock()
	start := a.Plan.Period.Start(now.wall)
	next := a.book.turned(a.Plan.Period, now.wall, ran, watched)
	if next.Doubt > 0 && a.book.Doubt == 0 && start.Before(a.start) {
		a.Logger.Warn("the clock shows a period of the allowance that is over: the count goes on until it is right again", zap.Time("clock", now.wall))
		a.doubted = 0
	}
	leased, turned := a.leased, a.isNews(next)
	if a.room(next, start) && leased-next.Total < a.lease/2 {
		leased = next.Total + a.lease
	}
	a.mu.Unlock()

	if leased != a.leased || turned {
		a.save(ctx, next, leased)
	}
	a.mu.Lock()
	next.Total = a.book.Total // it has moved on
	a.book, a.start, a.leased = next, start, max(leased, a.leased)
	a.mu.Unlock()
}

// isNews says that the storage must know of the next book at once.
func (a *Account) isNews(next book) bool {
	return len(next.Marks) != len(a.book.Marks) || next.Plan != a.book.Plan ||
		next.Marks[len(next.Marks)-1] != a.book.Marks[len(a.book.Marks)-1] ||
		(next.Doubt == 0) != (a.book.Doubt == 0) || next.Doubt-a.doubted > doubtStep
}

// room says whether a lease is of use.
func (a *Account) room(next book, start time.Time) bool {
	return a.Plan.Slow || next.spent(start) < a.Plan.Bytes
}

func (a *Account) save(ctx context.Context, b book, leased int64) {
	b.Total = max(leased, b.Total)
	a.doubted = b.Doubt
	err := a.store(ctx, b)
	if failed := err != nil; failed != a.unsaved {
		a.unsaved = failed
		if failed {
			a.Logger.Warn("the allowance's count cannot be stored: it is kept in memory, and a kill forgets it, until the storage takes it", zap.Error(err))
		} else {
			a.Logger.Info("the allowance's count is stored again")
		}
	}
}

func (a *Account) tell() {
	a.mu.Lock()
	state := State{Exhausted: a.left() <= 0, Start: a.start, Next: a.Plan.Period.Next(a.looked.wall)}
	a.told = state.Exhausted
	a.mu.Unlock()
	if a.Changed != nil {
		a.Changed(state)
	}
}
