package pacer

import (
	"errors"
	"net"
	"os"
	"sync"
)

// ErrClosed says that the link has shut down, or that the member has left it.
var ErrClosed = errors.New("the link is closed")

// catchUp bounds, in quanta per unit of weight, what a member may claim that was away for a
// moment: a writer comes back a little after its turn, and must not lose its share for that.
// One that was idle for long begins with this much and no more.
const catchUp = 2

// Member is one of those who share the link.
type Member struct {
	pacer  *Pacer
	weight float64
	urgent bool
	left   chan struct{}
	leave  func()

	// finish is what the member has been granted, divided by its weight, on the pacer's
	// virtual clock: who has the least is next.
	finish  float64
	waiting int
}

// Join adds a member. weight is 1 or more; one that is not urgent waits for the windows.
func (p *Pacer) Join(weight int, urgent bool) *Member {
	m := &Member{pacer: p, weight: float64(max(weight, 1)), urgent: urgent, left: make(chan struct{})}
	m.leave = sync.OnceFunc(func() { close(m.left) })
	return m
}

// Leave ends the waits of the member with [ErrClosed], present and future ones.
func (m *Member) Leave() { m.leave() }

func (m *Member) hasLeft() bool {
	select {
	case <-m.left:
		return true
	default:
		return false
	}
}

// Interrupt ends a wait; a nil channel never does.
type Interrupt struct {
	Closed <-chan struct{} // [net.ErrClosed]
	Late   <-chan struct{} // [os.ErrDeadlineExceeded]
}

// request is one wait. Its granted has room for the one answer, so that nobody waits for it.
type request struct {
	member  *Member
	want    int
	express bool
	granted chan int
}

func (r *request) before(other *request) bool {
	if r.express != other.express {
		return r.express
	}
	return r.member.finish < other.member.finish
}

// Take waits for a grant of 1 to want bytes. What is express goes before everything that is
// not, and counts all the same.
func (m *Member) Take(want int, express bool, until Interrupt) (int, error) {
	if err := m.over(until); err != nil {
		return 0, err // where nothing keeps it waiting it would never hear of it
	}
	r := &request{member: m, want: want, express: express, granted: make(chan int, 1)}
	m.pacer.enqueue(r)
	var err error
	select {
	case n := <-r.granted:
		return n, nil
	case <-m.pacer.closed:
		err = ErrClosed
	case <-m.left:
		err = ErrClosed
	case <-until.Closed:
		err = net.ErrClosed
	case <-until.Late:
		err = os.ErrDeadlineExceeded
	}
	m.pacer.withdraw(r)
	return 0, err
}

// over says why a wait would end at once.
func (m *Member) over(until Interrupt) error {
	select {
	case <-m.pacer.closed:
		return ErrClosed
	case <-m.left:
		return ErrClosed
	case <-until.Closed:
		return net.ErrClosed
	case <-until.Late:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Await waits until nothing but the rate keeps the member from sending.
func (m *Member) Await(until Interrupt) error {
	_, err := m.Take(0, false, until)
	return err
}

// Held says that more than the rate keeps the member from sending: the windows or the allowance.
func (m *Member) Held() bool {
	m.pacer.mu.Lock()
	defer m.pacer.mu.Unlock()
	return !m.pacer.may(m)
}

// Return gives back what was granted and not sent.
func (m *Member) Return(n int) {
	if n <= 0 {
		return
	}
	p := m.pacer
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack(m, n)
	p.dispatch()
}

func (p *Pacer) giveBack(m *Member, n int) {
	p.fill()
	p.tokens = min(p.depth, p.tokens+float64(n))
	m.finish -= float64(n) / m.weight
	if p.quota != nil {
		p.quota.Return(n)
	}
}

func (p *Pacer) enqueue(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := r.member
	if p.isClosed() || m.hasLeft() {
		return
	}
	if m.waiting == 0 {
		m.finish = max(m.finish, p.virtual-catchUp*float64(p.quantum))
	}
	m.waiting++
	p.waiting = append(p.waiting, r)
	p.dispatch()
}

// withdraw takes a request out of the queue; a grant that came meanwhile goes back.
func (p *Pacer) withdraw(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(r)
	select {
	case n := <-r.granted:
		p.giveBack(r.member, n)
	default:
	}
	p.dispatch()
}
