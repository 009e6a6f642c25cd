package breaker

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

type change struct {
	from, to State
	cause    error
}

// changed is called by the circuit, so with mu held: it takes note.
func (b *Breaker) changed(_ string, from, to gobreaker.State) {
	c := change{from: states[from], to: states[to]}
	b.changes++
	now := time.Now()
	switch c.to {
	case Open:
		c.cause = b.cause
		b.rest.begin(now, c.from == Closed)
		b.smallest.forget()
	case HalfOpen:
		b.rest.probe(now)
		b.smallest.choose(now)
	case Closed:
		b.rest.over()
	}
	b.news = append(b.news, c)
}

func (b *Breaker) tell() {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	news := b.news
	b.news = nil
	b.mu.Unlock()
	if b.settings.OnChange == nil {
		return
	}
	for _, c := range news {
		b.settings.OnChange(c.from, c.to, c.cause)
	}
}
