package shore

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

func TestAKeyThatComesAgain(t *testing.T) {
	t.Parallel()
	for once, copies := range map[bool]int{false: 2, true: 1} {
		b := newBook()
		b.once = once
		request := func(key string, ids ...int64) *Entry {
			e := b.arrive(Request{Signal: record.Logs, Header: map[string][]string{"Idempotency-Key": {key}}})
			b.read(e, content{ids: ids}, 1)
			b.decide(e, Verdict{Taken: true})
			return e
		}
		assert.False(t, request("a", 1, 2).Repeated)
		assert.True(t, request("a", 1, 2).Repeated)
		assert.Equal(t, copies, b.count(1))
		assert.False(t, request("a", 2, 3).Repeated, "not the same")
		assert.Equal(t, 1, b.count(3), "so it counts")
		assert.Equal(t, []string{"a"}, b.keys.changed)
		assert.Equal(t, 1, b.keys.repeats)
		assert.False(t, request("", 1).Repeated)
	}
}

func TestKeyOfARequest(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "idempotency-key"} {
		assert.Equal(t, "k", Request{Header: map[string][]string{name: {"k"}}}.Key())
	}
	assert.Empty(t, Request{}.Key())
}
