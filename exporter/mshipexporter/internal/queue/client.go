package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

const (
	// readAttempts and readPause bound how long a failing read is tried again:
	// exporterhelper deletes an item that it could not read once.
	readAttempts = 5
	readPause    = 20 * time.Millisecond
	// maxOwed bounds the deletes that a failing storage still owes us.
	maxOwed = 10_000
)

// pauseBeforeReading waits until a read may be tried again.
func pauseBeforeReading(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(readPause):
	}
}

// client is one signal's storage client. The queue calls it under its own
// lock, one call at a time, so there is none here.
type client struct {
	storage.Client
	depth   *Depth
	records func(stored []byte) int
	bytes   func(stored []byte) int
	// head is how many bytes of an item in flight are kept.
	head int
	// firstSeen reads when the door took an item, of its first bytes.
	firstSeen func(head []byte) (time.Time, bool)
	logger    *zap.Logger
	pause     func(context.Context)

	closing func(ctx context.Context)
	// completed gives what is written when an item is done, of the item as it was read.
	completed func(stored []byte) (riders []*storage.Operation, ended func(error))
	// dispatched are the items that were read and not yet deleted.
	dispatched map[string]flight
	// unread are items that could not be read: they must not be deleted.
	unread map[string]bool
	// restored is how the queue began, if its metadata was known.
	restored restored
	known    bool
	// failed are items whose write failed: nothing of them was ever counted.
	failed map[string]bool
	recent recent
	// owed are deletes that failed; they ride in the next Batch.
	owed map[string]bool
}

// flight is an item in flight: its size, and the first bytes of it.
type flight struct {
	size Size
	head []byte
}

// damage is the error of a storage that has put a damaged item aside by
// itself. DamagedBytes is how long the item was.
type damage interface {
	error
	DamagedBytes() int64
}

// Get implements storage.Client. The queue reads its metadata once, at its
// start, and is shown what was in flight at the front.
func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	if key == queuemetadata.Key && c.known {
		return c.restored.metadata.Marshal(), nil
	}
	return c.Client.Get(ctx, key)
}

// Batch implements storage.Client.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if c.onlyHole(ops) {
		return nil
	}
	ops = c.keepUnread(ops)
	riders, ended := c.riders(ctx, ops)
	err := c.Client.Batch(ctx, slices.Concat(c.payOwed(), c.recent.serve(ops), riders)...)
	ended(err)
	if err == nil {
		clear(c.owed)
		c.count(ops)
		c.recent.stored(ops)
		return nil
	}
	if stores(ops) {
		c.noteFailed(ops)
		return err
	}
	if reads(ops) {
		return c.readAgain(ctx, ops, err)
	}
	return c.owe(ops, err)
}

// readAgain reads without writing: on a full disk the metadata cannot be
// written, but the item can be read and delivered. The metadata in storage
// then lags behind, which at worst sends the batch once more.
func (c *client) readAgain(ctx context.Context, ops []*storage.Operation, err error) error {
	gets := only(ops, storage.Get)
	for range readAttempts {
		if lost, ok := errors.AsType[damage](err); ok {
			c.depth.Remove(Size{Batches: 1, Bytes: lost.DamagedBytes()})
			return err
		}
		if err = c.Client.Batch(ctx, gets...); err == nil {
			c.count(gets)
			return nil
		}
		c.pause(ctx)
	}
	for _, op := range gets {
		c.unread[op.Key] = true
	}
	c.logger.Error("cannot read a queued batch; it stays in the storage: mend the disk and restart", zap.Error(err))
	return err
}

// owe remembers deletes that failed: their batches are done, and the queue has
// no use for the error.
func (c *client) owe(ops []*storage.Operation, err error) error {
	deletes := only(ops, storage.Delete)
	if len(deletes) == 0 || len(c.owed)+len(deletes) > maxOwed {
		return err
	}
	if len(c.owed) == 0 {
		c.logger.Warn("cannot delete delivered batches from the storage; will try again with every write", zap.Error(err))
	}
	for _, op := range deletes {
		c.owed[op.Key] = true
	}
	c.count(deletes)
	return nil
}

func (c *client) payOwed() []*storage.Operation {
	ops := make([]*storage.Operation, 0, len(c.owed))
	for key := range c.owed {
		ops = append(ops, storage.DeleteOperation(key))
	}
	return ops
}

// keepUnread takes the delete of an item that could not be read out of the
// Batch, and has the metadata say that the item is in flight yet: the queue
// forgets it, and the next run would never look for it.
func (c *client) keepUnread(ops []*storage.Operation) []*storage.Operation {
	if len(c.unread) == 0 {
		return ops
	}
	kept := make([]*storage.Operation, 0, len(ops))
	for _, op := range ops {
		if op.Type == storage.Delete && c.unread[op.Key] {
			continue
		}
		if op.Type == storage.Set && op.Key == queuemetadata.Key {
			op = storage.SetOperation(queuemetadata.Key, c.withUnread(op.Value))
		}
		kept = append(kept, op)
	}
	return kept
}

func (c *client) withUnread(raw []byte) []byte {
	m, err := queuemetadata.Parse(raw)
	if err != nil {
		return raw
	}
	for key := range c.unread {
		if index, ok := queuemetadata.Index(key); ok && index < m.Read && !slices.Contains(m.Dispatched, index) {
			m.Dispatched = append(m.Dispatched, index)
		}
	}
	return m.Marshal()
}

// count follows the items that pass.
func (c *client) count(ops []*storage.Operation) {
	for _, op := range ops {
		if !isItem(op.Key) {
			continue
		}
		switch op.Type {
		case storage.Set:
			c.depth.Add(c.sizeOf(op.Value))
		case storage.Get:
			f := flight{c.sizeRead(op), slices.Clone(c.headOf(op.Value))}
			c.dispatched[op.Key] = f
			if at, ok := c.firstSeen(f.head); ok {
				c.depth.took(flyingKey{c, op.Key}, at)
			}
		case storage.Delete:
			if done, ok := c.dispatched[op.Key]; ok {
				c.depth.Remove(done.size)
				c.depth.left(flyingKey{c, op.Key})
				delete(c.dispatched, op.Key)
			}
		}
	}
}

func (c *client) headOf(stored []byte) []byte { return stored[:min(len(stored), c.head)] }

func (c *client) sizeOf(stored []byte) Size {
	return Size{Batches: 1, Records: int64(c.records(stored)), Bytes: int64(c.bytes(stored))}
}

// onlyHole: the Batch is about an index that was done in an earlier run. What
// it says of the metadata the next Batch says again.
func (c *client) onlyHole(ops []*storage.Operation) bool {
	found := false
	for _, op := range ops {
		index, ok := queuemetadata.Index(op.Key)
		if !ok {
			continue
		}
		if !c.restored.holes.has(index) {
			return false
		}
		found = true
	}
	return found
}

// sizeRead is the size of an item as it was counted. What is not there and
// was never counted is an item whose write failed.
func (c *client) sizeRead(op *storage.Operation) Size {
	switch {
	case op.Value != nil:
		return c.sizeOf(op.Value)
	case c.failed[op.Key]:
		delete(c.failed, op.Key)
		return Size{}
	default:
		return Size{Batches: 1}
	}
}

func (c *client) noteFailed(ops []*storage.Operation) {
	for _, op := range only(ops, storage.Set) {
		if isItem(op.Key) {
			c.failed[op.Key] = true
		}
	}
}

// Close implements storage.Client; it pays what is owed if the storage lets it.
func (c *client) Close(ctx context.Context) error {
	if c.closing != nil {
		c.closing(ctx)
	}
	if len(c.owed) > 0 {
		if err := c.Client.Batch(ctx, c.payOwed()...); err != nil {
			c.logger.Warn("delivered batches stay in the storage and will be sent again", zap.Int("batches", len(c.owed)), zap.Error(err))
		}
	}
	if err := c.Client.Close(ctx); err != nil {
		return fmt.Errorf("cannot close the queue's storage: %w", err)
	}
	return nil
}

func stores(ops []*storage.Operation) bool {
	for _, op := range ops {
		if op.Type == storage.Set && isItem(op.Key) {
			return true
		}
	}
	return false
}

func reads(ops []*storage.Operation) bool { return len(only(ops, storage.Get)) > 0 }

func only(ops []*storage.Operation, t storage.OpType) []*storage.Operation {
	var out []*storage.Operation
	for _, op := range ops {
		if op.Type == t {
			out = append(out, op)
		}
	}
	return out
}

func isItem(key string) bool {
	_, ok := queuemetadata.Index(key)
	return ok
}
