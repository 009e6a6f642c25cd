package queue

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// restored is how a queue begins: with what was in flight when the last run
// ended back at its front.
//
// exporterhelper deletes those items before it puts them back, at the end: a
// kill in between loses them all, and so does a full disk. Here nothing is
// moved and nothing is written. The queue is shown metadata that begins at the
// oldest of those items, with none in flight, and goes through them in order;
// the indexes between them that are done already are holes, which the client
// answers without asking the storage. Until the queue itself writes, the
// storage stays as it was.
type restored struct {
	metadata queuemetadata.Metadata
	// holes are the done indexes between the oldest item in flight and the old read index.
	holes holes
}

// holes is the range from (included) to (not included), less what is in it.
type holes struct {
	from, to uint64
	except   []uint64
}

func (h holes) has(index uint64) bool {
	if index < h.from || index >= h.to {
		return false
	}
	_, found := slices.BinarySearch(h.except, index)
	return !found
}

func restore(ctx context.Context, c storage.Client) (restored, bool, error) {
	raw, err := c.Get(ctx, queuemetadata.Key)
	if err != nil {
		return restored{}, false, fmt.Errorf("cannot read the queue's metadata: %w", err)
	}
	m, err := queuemetadata.Parse(raw)
	if err != nil || len(raw) == 0 {
		return restored{}, false, nil //nolint:nilerr // what we do not understand is not ours to mend: exporterhelper decides what becomes of it
	}
	r := restored{metadata: m}
	if len(m.Dispatched) == 0 {
		return r, true, nil
	}
	r.holes = holes{to: m.Read, except: slices.Sorted(slices.Values(m.Dispatched))}
	r.holes.from = r.holes.except[0]
	r.metadata.Read, r.metadata.Dispatched = r.holes.from, nil
	return r, true, nil
}

// depth is what is queued, the holes left out.
func (r restored) depth() Size {
	m := r.metadata
	d := Size{Batches: int64(m.Count()), Records: m.Items, Bytes: m.Bytes}
	d.Batches -= int64(r.holes.to-r.holes.from) - int64(len(r.holes.except))
	return d
}
