package seen

import "github.com/otelcol-mship/otelcol-mship/internal/gather"

// gather returns when nobody who is ready to run has a key to add to the group.
func (s *Set) gather() {
	s.mu.RLock()
	g, failing := s.group, s.disk.failing
	s.mu.RUnlock()
	if g == nil || failing != nil {
		return // a storage that refuses everything costs nobody any time
	}
	gather.Wait(&s.scouts, func() int { return s.gathered(g) })
}

// gathered is how many keys the group has, none once it is being written.
func (s *Set) gathered(g *group) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.group != g {
		return 0
	}
	return len(g.keys)
}
