package queue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func set(key, value string) *storage.Operation { return storage.SetOperation(key, []byte(value)) }

// ask gives what recent answers, and what is left for the storage.
func ask(r *recent, ops ...*storage.Operation) (answers []string, left int) {
	left = len(r.serve(ops))
	for _, op := range ops {
		if op.Type == storage.Get {
			answers = append(answers, string(op.Value))
		}
	}
	return answers, left
}

func TestWhatWasWrittenAMomentAgoIsNotRead(t *testing.T) {
	var r recent
	r.stored([]*storage.Operation{set("qmv0", "metadata"), set("7", "seven"), set("8", "eight")})
	answers, left := ask(&r, set("qmv0", "more"), storage.GetOperation("7"))
	assert.Equal(t, []string{"seven"}, answers)
	assert.Equal(t, 1, left, "the metadata is the storage's")

	answers, left = ask(&r, storage.GetOperation("7"))
	assert.Equal(t, []string{""}, answers, "it is kept until it is read")
	assert.Equal(t, 1, left)
	_, left = ask(&r, storage.DeleteOperation("8"))
	assert.Equal(t, 1, left, "a delete is the storage's")
	answers, _ = ask(&r, storage.GetOperation("8"))
	assert.Equal(t, []string{""}, answers)
	assert.Empty(t, r.order)
	assert.Zero(t, r.bytes)
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	var r recent
	for n := range 3 * recentItems {
		r.stored([]*storage.Operation{set(fmt.Sprint(n), "x")})
	}
	assert.Len(t, r.values, recentItems)
	long := strings.Repeat("x", recentBytes/4)
	for n := range 10 {
		r.stored([]*storage.Operation{set(fmt.Sprint(10_000+n), long)})
		assert.LessOrEqual(t, r.bytes, recentBytes)
	}
	answers, _ := ask(&r, storage.GetOperation("10009"))
	assert.Equal(t, []string{long}, answers, "the newest")
	off := recent{off: true}
	off.stored([]*storage.Operation{set("1", "x")})
	assert.Empty(t, off.values)
}
