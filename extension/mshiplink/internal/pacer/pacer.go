// Package pacer shares one link's bytes per second among its members.
//
//	member ──▶ Take ──▶ window open? ──▶ its turn? ──▶ allowance? ──▶ tokens? ──▶ grant
//	            waits until all four say yes, or until it is interrupted
//
// It has no goroutine of its own: whoever comes or goes looks at who is next, and one timer
// looks again when the next grant is affordable.
package pacer

import (
	"slices"
	"sync"
	"time"
)

const (
	// quantumTime is what one grant takes at full rate: a writer that is given more at once
	// is a burst on the wire, and one that is given less is woken too often.
	quantumTime = 50 * time.Millisecond
	// leastQuantum is about one packet: less would pay for headers.
	leastQuantum = 1400
)

// Quota is what may be sent in all. The pacer calls it with its lock held.
type Quota interface {
	// Draw takes up to n bytes; 0 says that there are none for now. Who has more calls [Pacer.Wake].
	Draw(n int) int
	// Return gives back what was drawn and not sent.
	Return(n int)
	// Any says whether Draw would give anything.
	Any() bool
}

// Pacer grants bytes. In any span of time it grants no more than rate × span + burst/2: the
// other half of the burst is for what moves the bytes on afterwards, the kernel and the
// network, which never keep the distances that the grants had.
type Pacer struct {
	burst int

	mu      sync.Mutex
	rate    float64 // bytes per second
	depth   float64 // of the bucket
	quantum int
	tokens  float64
	filled  time.Time // when tokens was true
	quota   Quota     // nil: without end
	open    bool      // what is not urgent may go too
	closed  chan struct{}
	waiting []*request
	timer   *time.Timer
	// virtual is the start tag of the latest grant: fair queueing's clock. See member.finish.
	virtual float64
}

// New makes a pacer whose windows are open.
func New(rate, burst int64, quota Quota) *Pacer {
	p := &Pacer{burst: int(burst), quota: quota, open: true, filled: time.Now(), closed: make(chan struct{})}
	p.pace(rate)
	p.tokens = p.depth
	return p
}

func (p *Pacer) pace(rate int64) {
	p.rate = float64(rate)
	p.depth = float64(p.burst) / 2
	quantum := p.rate * quantumTime.Seconds()
	p.quantum = int(min(max(quantum, leastQuantum), max(p.depth, 1)))
	p.tokens = min(p.tokens, p.depth)
}

// SetRate changes the bytes per second.
func (p *Pacer) SetRate(rate int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill()
	p.pace(rate)
	p.dispatch()
}

// SetOpen opens or closes the window of what is not urgent.
func (p *Pacer) SetOpen(open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = open
	p.dispatch()
}

// Wake looks at who waits: the quota has more.
func (p *Pacer) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatch()
}

// Rate is the bytes per second that are granted now.
func (p *Pacer) Rate() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.rate)
}

// Close ends every wait with [ErrClosed], present and future ones.
func (p *Pacer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() {
		return
	}
	close(p.closed)
	if p.timer != nil {
		p.timer.Stop()
	}
}

func (p *Pacer) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

func (p *Pacer) fill() {
	now := time.Now()
	p.tokens = min(p.depth, p.tokens+p.rate*now.Sub(p.filled).Seconds())
	p.filled = now
}

// dispatch grants what can be granted, and sets the timer for the next one.
func (p *Pacer) dispatch() {
	if p.isClosed() {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.fill()
	p.letKnow()
	for r := p.next(); r != nil; r = p.next() {
		need := min(r.want, p.quantum)
		if missing := float64(need) - p.tokens; missing > 0 {
			p.wakeIn(time.Duration(missing / p.rate * float64(time.Second)))
			return
		}
		n := p.draw(need)
		if n == 0 {
			return
		}
		p.grant(r, n)
	}
}

// letKnow answers those who only ask whether they could send.
func (p *Pacer) letKnow() {
	p.waiting = slices.DeleteFunc(p.waiting, func(r *request) bool {
		if r.want > 0 || !p.may(r.member) {
			return false
		}
		r.member.waiting--
		r.granted <- 0
		return true
	})
}

// may says whether nothing but the rate keeps a member from sending.
func (p *Pacer) may(m *Member) bool {
	return (m.urgent || p.open) && (p.quota == nil || p.quota.Any())
}

func (p *Pacer) draw(n int) int {
	if p.quota == nil {
		return n
	}
	return p.quota.Draw(n)
}

func (p *Pacer) grant(r *request, n int) {
	m := r.member
	p.virtual = max(p.virtual, m.finish)
	m.finish += float64(n) / m.weight
	p.tokens -= float64(n)
	p.remove(r)
	r.granted <- n
}

// next is whose turn it is: what is marked express first, then the member that has had the
// least for its weight, then who came first.
func (p *Pacer) next() *request {
	var first *request
	for _, r := range p.waiting {
		if r.want > 0 && (r.member.urgent || p.open) && (first == nil || r.before(first)) {
			first = r
		}
	}
	return first
}

func (p *Pacer) remove(r *request) {
	if i := slices.Index(p.waiting, r); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		r.member.waiting--
	}
}

func (p *Pacer) wakeIn(d time.Duration) {
	d += time.Microsecond // a timer that is early by a rounding would come twice
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.Wake)
		return
	}
	p.timer.Reset(d)
}
