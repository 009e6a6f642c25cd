package queue

import (
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// recentBytes and recentItems bound what is kept of each signal's items.
const (
	recentBytes = 8 << 20
	recentItems = 1024
)

// recent keeps the newest items that were stored, until they are read: while
// the link works, what is read was written a moment ago, and the storage need
// not read and decompress it.
type recent struct {
	off    bool
	values map[string][]byte
	order  []string
	bytes  int
}

// stored keeps the items of a Batch that succeeded. The queue does not change
// what it has written.
func (r *recent) stored(ops []*storage.Operation) {
	for _, op := range only(ops, storage.Set) {
		if r.off || !isItem(op.Key) {
			continue
		}
		if r.values == nil {
			r.values = map[string][]byte{}
		}
		r.values[op.Key] = op.Value
		r.order = append(r.order, op.Key)
		r.bytes += len(op.Value)
	}
	for r.bytes > recentBytes || len(r.order) > recentItems {
		r.drop(r.order[0])
	}
}

// serve answers the Gets that it can, and gives the operations that are left for the storage.
func (r *recent) serve(ops []*storage.Operation) []*storage.Operation {
	if len(r.values) == 0 {
		return ops
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op *storage.Operation) bool {
		value, ok := r.values[op.Key]
		switch {
		case !ok:
			return false
		case op.Type == storage.Get:
			op.Value = value
			r.drop(op.Key)
			return true
		default:
			r.drop(op.Key)
			return false
		}
	})
}

func (r *recent) drop(key string) {
	r.bytes -= len(r.values[key])
	delete(r.values, key)
	if i := slices.Index(r.order, key); i >= 0 {
		r.order = slices.Delete(r.order, i, i+1)
	}
}
