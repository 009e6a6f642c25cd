package seen

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is cancelled leaves nothing: no key, no number, and nothing for a later
// run, also where others were staged after it.
func TestCancelForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := open(t, m)
		keys := some(0, 4)
		requireAdded(t, s, keys[0])
		first, second := s.Stage(t.Context(), keys[1]), s.Stage(t.Context(), keys[2])
		first.Cancel()
		require.NoError(t, m.Batch(t.Context(), second.Operations...))
		second.Done(nil)
		last := s.Stage(t.Context(), keys[3])
		number := last.number
		last.Cancel()
		assert.Empty(t, s.disk.staged)
		again := s.Stage(t.Context(), keys[3])
		assert.Equal(t, number, again.number, "a number that nobody uses is given again")
		again.Cancel()
		requireHas(t, s, false, keys[1], keys[3])
		requireAdded(t, s, some(10, 11)...)
		synctest.Wait()
		assert.Empty(t, s.disk.dead)
		shut(t, s)
		requireHas(t, open(t, m.cut()), false, keys[1], keys[3])
		requireHas(t, open(t, m.cut()), true, keys[0], keys[2])
	})
}

// Without operations there is nothing to take back.
func TestCancelOfNothing(t *testing.T) {
	s := open(t, nil)
	st := s.Stage(t.Context(), some(0, 1)...)
	assert.Empty(t, st.Operations)
	st.Cancel()
	requireHas(t, s, false, some(0, 1)...)
}

func requireAdded(t *testing.T, s *Set, keys ...Key) {
	t.Helper()
	require.NoError(t, s.Add(t.Context(), keys...))
}
