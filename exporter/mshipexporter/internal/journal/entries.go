package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// The keys in the storage: the entries under their numbers, the number of the
// oldest, and the one that the next gets (each 8 bytes, little endian).
const (
	entryPrefix = "journal/"
	firstKey    = "journal-first"
	nextKey     = "journal-next"
)

// lostMax bounds how many entries in a row may be missing: more is no journal of ours.
const lostMax = 1 << 20

func entryKey(n uint64) string { return entryPrefix + strconv.FormatUint(n, 10) }

func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// write stores a group as one entry.
func (j *Journal) write(ctx context.Context, group []*request) error {
	var joined Piece
	var ops []*storage.Operation
	for _, r := range group {
		joined.join(r.piece)
		ops = append(ops, r.riders...)
	}
	if j.client != nil {
		stored, err := j.set.Encode(joined)
		if err != nil {
			return err
		}
		ops = append(ops, storage.SetOperation(entryKey(j.next), stored), storage.SetOperation(nextKey, number(j.next+1)))
		if err := j.client.Batch(ctx, ops...); err != nil {
			return err
		}
	}
	j.append(joined)
	return nil
}

func (p *Piece) join(o Piece) {
	p.OTLP = append(p.OTLP, o.OTLP...)
	p.Records += o.Records
}

func (j *Journal) append(p Piece) {
	j.set.Weigh(int64(p.Records), int64(len(p.OTLP)))
	j.mu.Lock()
	defer j.mu.Unlock()
	e := entry{Piece: p, size: j.set.Size(p), came: time.Now()}
	j.entries = append(j.entries, e)
	j.size += e.size
	j.next++
	if j.size >= j.set.MinSize || len(j.entries) == 1 {
		j.wakeUp()
	}
}

// load reads the entries of an earlier run.
func (j *Journal) load(ctx context.Context) error {
	first, next := storage.GetOperation(firstKey), storage.GetOperation(nextKey)
	if err := j.client.Batch(ctx, first, next); err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	if len(next.Value) != 8 {
		return nil
	}
	end := binary.LittleEndian.Uint64(next.Value)
	if len(first.Value) == 8 {
		j.first = binary.LittleEndian.Uint64(first.Value)
	}
	if j.first > end || end-j.first > lostMax {
		return fmt.Errorf("the journal says that it holds the entries %d to %d, which cannot be: move the storage away", j.first, end)
	}
	j.next = j.first
	for n := j.first; n < end; n++ {
		stored, err := j.client.Get(ctx, entryKey(n))
		if err != nil || len(stored) == 0 {
			j.set.Logger.Error("an entry of the journal cannot be read: what it held is lost, unless the storage has put it aside", zap.Uint64("entry", n), zap.Error(err))
			j.append(Piece{})
			continue
		}
		j.append(j.set.Decode(stored))
	}
	return nil
}

// seal makes parcels of what is due, or of all there is, and tells when to look again.
func (j *Journal) seal(ctx context.Context, all bool) (again time.Duration) {
	for {
		n, wait := j.due(all)
		if n == 0 {
			return wait
		}
		if err := j.parcel(ctx, n); err != nil {
			j.set.Logger.Debug("a parcel has to wait", zap.Error(err))
			return retryPause
		}
	}
}

// due is how many entries make the next parcel; if none, when some may.
func (j *Journal) due(all bool) (n int, wait time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == 0 {
		return 0, time.Hour
	}
	if j.entries[0].alone() {
		return 1, 0
	}
	size := int64(0)
	for _, e := range j.entries {
		if e.alone() || n > 0 && j.set.MaxSize > 0 && size+e.size > j.set.MaxSize {
			return n, 0
		}
		size += e.size
		if n++; size >= j.set.MinSize {
			return n, 0
		}
	}
	if wait = j.set.Timeout - time.Since(j.entries[0].came); wait <= 0 || all {
		return n, 0
	}
	return 0, wait
}

// alone: it cannot be joined with others.
func (e entry) alone() bool { return e.Damage != nil || e.empty() }

// parcel moves the first n entries into the queue.
func (j *Journal) parcel(ctx context.Context, n int) error {
	j.mu.Lock()
	taken, from := slices.Clone(j.entries[:n]), j.first
	j.mu.Unlock()
	joined := Piece{Damage: taken[0].Damage}
	riders := make([]*storage.Operation, 0, n+1)
	for i, e := range taken {
		riders = append(riders, storage.DeleteOperation(entryKey(from+uint64(i))))
		joined.join(e.Piece)
	}
	riders = append(riders, storage.SetOperation(firstKey, number(from+uint64(n))))
	err := j.put(ctx, joined, riders)
	if err == nil {
		j.forget(taken)
	}
	return err
}

func (j *Journal) put(ctx context.Context, p Piece, riders []*storage.Operation) error {
	if p.empty() {
		return j.client.Batch(ctx, riders...) // of an entry that is lost only its key is left
	}
	return j.set.Seal(ctx, p, riders)
}

func (j *Journal) forget(taken []entry) {
	j.mu.Lock()
	j.entries = slices.Delete(j.entries, 0, len(taken))
	j.first += uint64(len(taken))
	for _, e := range taken {
		j.size -= e.size
	}
	j.mu.Unlock()
	for _, e := range taken {
		j.set.Weigh(-int64(e.Records), -int64(len(e.OTLP)))
	}
}
