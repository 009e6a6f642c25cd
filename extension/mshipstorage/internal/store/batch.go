package store

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
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
	w, err := c.write(ch)
	if err != nil || !w.wait && !w.much {
		return err
	}
	if err = c.store.flush(w.lsn); err == nil || !w.wait {
		return nil // what nobody waits for is flushed again, and told of, by and by
	}
	if w.record != nil && !c.takeBack(w) {
		return nil // another flush has made it durable since
	}
	return err
}

// written is a change in the log.
type written struct {
	lsn uint64
	// wait for a flush; much: so much is unflushed that it is time for one.
	wait, much bool
	record     *record.Encoded
	// What was before it.
	entries []keyed
	owed    []record.Op
	lazy    []byte
}

type keyed struct {
	key   string
	entry index.Entry
	ok    bool
}

func (c *Client) write(ch *change) (w written, err error) {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return w, errClosed
	}
	c.learn(ch)
	c.dropVain(ch)
	n := c.nature(ch)
	switch {
	case len(ch.ops) == 0:
		w.lsn, w.wait = s.lsn, n.wait // that it is not there may not be durable
		return w, nil
	case n.lazy:
		c.lazy = ch.metadata
		return w, nil
	}
	w.owed, w.lazy = c.owed, c.lazy
	for _, op := range ch.ops {
		e, ok := c.index.Get(op.Key)
		w.entries = append(w.entries, keyed{op.Key, e, ok})
	}
	if w.record, err = s.put(c, ch.ops, ch.bodies, n.must); err != nil {
		if !c.queue || !n.must || !ch.mayWait() {
			return w, err
		}
		s.set.Logger.Warn("cannot write that a batch is done; will try again with the next write", zap.String("client", c.name), zap.Error(err))
		c.owe(ch.ops...)
		return written{}, nil
	}
	if !n.must {
		s.roomAgain()
	}
	w.lsn, w.wait, w.much = s.lsn, n.wait, s.unflushedBytes > unflushedMax
	return w, nil
}

// takeBack undoes a change whose flush failed, as a whole: whoever made it was
// told that it is not stored. The log that has it is broken, and is cut before
// it. It is false where the change is durable all the same.
func (c *Client) takeBack(w written) bool {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.unflushed, func(p placed) bool { return p.record == w.record })
	if i < 0 {
		return false
	}
	s.unflushed = slices.Delete(s.unflushed, i, i+1)
	s.unflushedBytes -= int64(len(w.record.Bytes))
	for _, before := range slices.Backward(w.entries) {
		if before.ok {
			c.index.Put(before.key, before.entry)
		} else {
			c.index.Delete(before.key)
		}
	}
	c.owed = slices.Concat(w.owed, c.owed)
	if c.lazy == nil {
		c.lazy = w.lazy
	}
	return true
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
