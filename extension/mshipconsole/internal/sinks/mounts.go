// Package sinks looks after what exporters show, and links. A sink that panics, hangs or talks
// nonsense does no harm to the console nor to the other sinks.
package sinks

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	maxSinks = 64
	maxName  = 256
)

// Mounts are the sinks that are shown, or the links.
type Mounts struct {
	kind   string
	step   time.Duration
	logger *zap.Logger

	mu    sync.Mutex
	sinks map[string]*Sink
}

// New makes an empty set whose histories have fine steps of the given length. kind is what
// people call one of it: sink or link.
func New(kind string, step time.Duration, logger *zap.Logger) *Mounts {
	return &Mounts{kind: kind, step: step, logger: logger, sinks: map[string]*Sink{}}
}

// Mount shows h under the name until unmount is called.
func (m *Mounts) Mount(name string, h http.Handler) (unmount func(), err error) {
	if name == "" || name == "." || name == ".." || len(name) > maxName {
		return nil, fmt.Errorf("cannot show a %s under the name %.32q: it must have 1 to %d bytes and be no dots alone; give it another", m.kind, name, maxName)
	}
	if h == nil {
		return nil, errors.New("there is no handler to show")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.sinks[name]; taken {
		return nil, fmt.Errorf("another %s is shown under the name %q already; give one of them another", m.kind, name)
	}
	if len(m.sinks) >= maxSinks {
		return nil, fmt.Errorf("the console shows %d %ss already, and no more", maxSinks, m.kind)
	}
	s := newSink(m.kind, name, h, m.step, func(panicked any) {
		m.logger.Error("a "+m.kind+" panicked while it answered the console", zap.String(m.kind, name), zap.Any("panic", panicked), zap.StackSkip("stack", 2))
	})
	m.sinks[name] = s
	return sync.OnceFunc(func() { m.remove(s) }), nil
}

func (m *Mounts) remove(s *Sink) {
	m.mu.Lock()
	delete(m.sinks, s.Name)
	m.mu.Unlock()
	s.end()
}

// Get finds a sink.
func (m *Mounts) Get(name string) (*Sink, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sinks[name]
	return s, ok
}

// All sinks, by name.
func (m *Mounts) All() []*Sink {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*Sink, 0, len(m.sinks))
	for _, s := range m.sinks {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Sink) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
