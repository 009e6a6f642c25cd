package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// The keys in the storage: the entries under their numbers; the number of the
// oldest, followed by those of older ones that could not be read; and the
// number that the next gets (each 8 bytes, little endian).
const (
	entryPrefix = "journal/"
	firstKey    = "journal-first"
	nextKey     = "journal-next"
)

// lostMax bounds how many entries in a row may be missing: more is no journal of ours.
const lostMax = 1 << 20

func entryKey(n uint64) string { return entryPrefix + strconv.FormatUint(n, 10) }

func numbers(ns ...uint64) []byte {
	var raw []byte
	for _, n := range ns {
		raw = binary.LittleEndian.AppendUint64(raw, n)
	}
	return raw
}

func parseNumbers(raw []byte) []uint64 {
	var ns []uint64
	for ; len(raw) >= 8; raw = raw[8:] {
		ns = append(ns, binary.LittleEndian.Uint64(raw))
	}
	return ns
}

// write stores a group as one entry.
func (j *Journal) write(ctx context.Context, group []*request) error {
	var ops []*storage.Operation
	pieces := make([]Piece, 0, len(group))
	for _, r := range group {
		pieces = append(pieces, r.piece)
		ops = append(ops, r.riders...)
	}
	joined, stored, err := j.set.Encode(pieces)
	if err != nil {
		return err
	}
	if j.client != nil {
		ops = append(ops, storage.SetOperation(entryKey(j.next), stored), storage.SetOperation(nextKey, numbers(j.next+1)))
		if err := j.client.Batch(ctx, ops...); err != nil {
			return err
		}
	}
	j.append(joined)
	return nil
}

func (j *Journal) append(p Piece) {
	j.set.Weigh(int64(p.Records), int64(p.Bytes))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bytes += int64(p.Bytes)
	if j.bytes > keptBytes {
		p.Payloads = nil
	}
	e := entry{Piece: p, number: j.next, size: j.set.Size(p), came: time.Now()}
	j.entries = append(j.entries, e)
	j.size += e.size
	j.next++
	if j.size >= j.set.MinSize || len(j.entries) == 1 {
		j.wakeUp()
	}
}

// load reads the entries of an earlier run.
func (j *Journal) load(ctx context.Context) error {
	firstOp, nextOp := storage.GetOperation(firstKey), storage.GetOperation(nextKey)
	if err := j.client.Batch(ctx, firstOp, nextOp); err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	if len(nextOp.Value) != 8 {
		return nil
	}
	end, known := parseNumbers(nextOp.Value)[0], parseNumbers(firstOp.Value)
	if len(known) == 0 {
		known = []uint64{0}
	}
	first, unread := known[0], known[1:]
	if first > end || end-first > lostMax {
		return fmt.Errorf("the journal says that it holds the entries %d to %d, which cannot be: move the storage away", first, end)
	}
	for _, n := range unread {
		j.read(ctx, n)
	}
	for n := first; n < end; n++ {
		j.read(ctx, n)
	}
	j.next = end
	return nil
}

// damage is the error of a storage that has put a damaged entry aside by itself.
type damage interface {
	error
	DamagedBytes() int64
}

// read reads an entry of an earlier run. Only what is not there for certain is given up.
func (j *Journal) read(ctx context.Context, n uint64) {
	stored, err := j.client.Get(ctx, entryKey(n))
	if _, damaged := errors.AsType[damage](err); err != nil && !damaged {
		j.set.Logger.Error("cannot read an entry of the journal; it stays in the storage: mend the disk and restart", zap.Uint64("entry", n), zap.Error(err))
		j.unread = append(j.unread, n)
		return
	}
	p := Piece{}
	if len(stored) > 0 {
		p = j.set.Decode(stored)
	} else {
		j.set.Logger.Error("an entry of the journal is not there: what it held is lost, unless the storage has put it aside", zap.Uint64("entry", n), zap.Error(err))
	}
	j.next = n
	j.append(p)
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
	if wait = j.wait(); wait <= 0 || all {
		return n, 0
	}
	return 0, wait
}

// wait is how long the oldest entry has yet to wait for others.
func (j *Journal) wait() time.Duration {
	if wait := j.set.Timeout - time.Since(j.entries[0].came); wait > 0 || j.set.Rest == nil {
		return wait
	}
	return min(j.set.Rest(), restPause)
}

// alone: it cannot be joined with others.
func (e entry) alone() bool { return e.Damage != nil }

// parcel moves the first n entries into the queue.
func (j *Journal) parcel(ctx context.Context, n int) error {
	taken, oldest := j.take(n)
	pieces := make([]Piece, 0, n)
	riders := make([]*storage.Operation, 0, n+1)
	for _, e := range taken {
		riders = append(riders, storage.DeleteOperation(entryKey(e.number)))
		if !e.empty() {
			pieces = append(pieces, e.Piece)
		}
	}
	riders = append(riders, storage.SetOperation(firstKey, numbers(append([]uint64{oldest}, j.unread...)...)))
	err := j.put(ctx, pieces, riders)
	if err == nil {
		j.forget(taken)
	}
	return err
}

// take gives the first n entries, and the number of the one after them. Their
// payloads are given once: who makes one of them takes them apart.
func (j *Journal) take(n int) (taken []entry, oldest uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken, oldest = slices.Clone(j.entries[:n]), j.next
	if n < len(j.entries) {
		oldest = j.entries[n].number
	}
	for i := range n {
		j.entries[i].Payloads = nil
	}
	return taken, oldest
}

func (j *Journal) put(ctx context.Context, pieces []Piece, riders []*storage.Operation) error {
	switch {
	case len(pieces) > 0:
		return j.set.Seal(ctx, pieces, riders)
	case j.client == nil:
		return nil
	default:
		return j.client.Batch(ctx, riders...) // of an entry that is lost only its key is left
	}
}

func (j *Journal) forget(taken []entry) {
	j.mu.Lock()
	j.entries = slices.Delete(j.entries, 0, len(taken))
	for _, e := range taken {
		j.size -= e.size
		j.bytes -= int64(e.Bytes)
	}
	j.mu.Unlock()
	for _, e := range taken {
		j.set.Weigh(-int64(e.Records), -int64(e.Bytes))
	}
}
