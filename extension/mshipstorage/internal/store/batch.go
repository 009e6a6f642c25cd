package store

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// change is what a Batch writes and reads.
type change struct {
	ops    []record.Op
	bodies [][]byte
	gets   []*storage.Operation
	// metadata is what it sets the queue's metadata to, or nil.
	metadata []byte
	// What it does besides.
	setsItem, deletesItem, setsOther bool
}

// change encodes what a Batch writes, before any lock is taken.
func (c *Client) change(ops []*storage.Operation) (*change, error) {
	ch := &change{}
	written := map[string]*storage.Operation{}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			if own, ok := written[op.Key]; ok {
				op.Value = slices.Clone(own.Value)
				continue
			}
			ch.gets = append(ch.gets, op)
			continue
		case storage.Set:
			ch.set(op.Key, op.Value, c.store.codec.Encode)
		case storage.Delete:
			op.Value = nil
			_, isItem := queuemetadata.Index(op.Key)
			ch.deletesItem = ch.deletesItem || isItem
			ch.ops = append(ch.ops, record.Op{Kind: record.Delete, Key: op.Key})
		default:
			return nil, fmt.Errorf("operation of unknown type %d", op.Type)
		}
		written[op.Key] = op
	}
	return ch, nil
}

func (ch *change) set(key string, value []byte, encode func([]byte) []byte) {
	_, isItem := queuemetadata.Index(key)
	switch {
	case key == queuemetadata.Key:
		ch.metadata = append([]byte{}, value...)
	case isItem:
		ch.setsItem = true
	default:
		ch.setsOther = true
	}
	if len(value) <= record.SmallMax && !isItem {
		ch.ops = append(ch.ops, record.Op{Kind: record.SetSmall, Key: key, Small: append([]byte{}, value...)})
		return
	}
	stored := encode(value)
	ch.bodies = append(ch.bodies, stored)
	ch.ops = append(ch.ops, record.Op{Kind: record.Set, Key: key, Value: record.Value{
		Length: uint32(len(stored)), Raw: uint32(len(value)), CRC: record.Checksum(stored),
	}})
}

// nature is how a change is treated.
type nature struct {
	// lazy: it says nothing but what the queue has read. The next record carries
	// it: without it, a start finds the items in the queue again.
	lazy bool
	// must: it has to be written, on a full disk too.
	must bool
	// wait: it is acknowledged when it is flushed.
	wait bool
}

// nature knows what the changes of exporterhelper's queue mean. A completion
// deletes an item and sets none, whatever else rides in it: lost in a power
// cut, it is done again. For any other component every change is durable.
func (c *Client) nature(ch *change) nature {
	if !c.queue {
		sets := ch.setsItem || ch.setsOther || ch.metadata != nil
		return nature{must: !sets, wait: c.store.set.FlushEachItem}
	}
	completion := ch.deletesItem && !ch.setsItem
	stores := ch.setsItem || ch.setsOther && !completion
	return nature{
		lazy: len(ch.ops) == 1 && ch.metadata != nil && len(ch.metadata) <= record.SmallMax,
		must: !stores,
		wait: stores && c.store.set.FlushEachItem,
	}
}

// commit writes a change, and waits for its flush where its nature asks for it.
func (c *Client) commit(ch *change) error {
	lsn, wait, err := c.write(ch)
	if err != nil || !wait {
		return err
	}
	if err = c.store.flush(lsn); err != nil {
		c.undo(ch, lsn)
	}
	return err
}

func (c *Client) write(ch *change) (lsn uint64, wait bool, err error) {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false, errClosed
	}
	c.learn(ch)
	c.dropVain(ch)
	n := c.nature(ch)
	switch {
	case len(ch.ops) == 0:
		return 0, false, nil
	case n.lazy:
		c.lazy = ch.metadata
		return 0, false, nil
	}
	if err := s.put(c, ch.ops, ch.bodies, n.must); err != nil {
		if !c.queue || !n.must || !ch.mayWait() {
			return 0, false, err
		}
		s.set.Logger.Warn("cannot write that a batch is done; will try again with the next write", zap.String("client", c.name), zap.Error(err))
		c.owe(ch.ops...)
		return 0, false, nil
	}
	if !n.must {
		s.roomAgain()
	}
	return s.lsn, n.wait || s.unflushedBytes > unflushedMax, nil
}

// mayWait: it can be owed. That keeps it in memory, which bodies are too long
// for; but the queue's metadata may as well be forgotten, as the items tell it anew.
func (ch *change) mayWait() bool {
	return !slices.ContainsFunc(ch.ops, func(op record.Op) bool { return op.Kind == record.Set && op.Key != queuemetadata.Key })
}

// learn notes whether this is the queue that we know.
func (c *Client) learn(ch *change) {
	if ch.metadata != nil {
		_, err := queuemetadata.Parse(ch.metadata)
		c.queue = err == nil
	}
}

// dropVain takes out deletes of what is not there, and of what could not be
// read: a batch that the disk may yet give back stays for the next start.
func (c *Client) dropVain(ch *change) {
	set := map[string]bool{}
	ch.ops = slices.DeleteFunc(ch.ops, func(op record.Op) bool {
		if op.Kind != record.Delete {
			set[op.Key] = true
			return false
		}
		_, found := c.index.Get(op.Key)
		found = found || op.Key == queuemetadata.Key && c.lazy != nil
		return c.unreadable[op.Key] || !found && !set[op.Key]
	})
}

// undo takes back the new items of a change whose flush failed: the queue was
// told that they are not stored.
func (c *Client) undo(ch *change, lsn uint64) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, op := range ch.ops {
		if _, isItem := queuemetadata.Index(op.Key); op.Kind != record.Set || !isItem {
			continue
		}
		if e, ok := c.index.Get(op.Key); ok && e.Place.CRC == op.Value.CRC && c.store.isUnflushed(e.Place, lsn) {
			c.owe(record.Op{Kind: record.Delete, Key: op.Key})
		}
	}
}
