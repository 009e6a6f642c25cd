package store

import (
	"errors"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// restore makes the queue whole before it sees its data: all items that are
// there stand one after the other up to the write index, none is in flight,
// and the metadata says so. What was in flight, and what was left below the
// read index, thus comes first. It is one record, so a crash leaves the old
// state or the new one; left to itself, exporterhelper deletes what was in
// flight before it puts it back, at the end. It tells whether it wrote.
func (c *Client) restore() bool {
	m, ok := c.readMetadata()
	if !ok {
		return false
	}
	c.queue = true
	count, raw := c.index.Items()
	goal, shifts := inOrder(m, c.index.Runs())
	goal.Items, goal.Bytes = m.Items, m.Bytes
	if uint64(count) < m.Count() {
		c.store.set.Logger.Warn("batches of a queue are missing: they were damaged, or done just before the end on a full disk",
			zap.String("client", c.name), zap.Uint64("missing", m.Count()-uint64(count)))
	}
	if uint64(count) != m.Count() {
		goal.Items, goal.Bytes = share(m.Items, count, m.Count()), raw
	}
	if len(shifts) == 0 && string(goal.Marshal()) == string(m.Marshal()) {
		return false
	}
	c.store.set.Logger.Info("a queue goes on where it was cut off", zap.String("client", c.name),
		zap.Int("batches", count), zap.Int64("bytes", raw), zap.Int("in_flight", len(m.Dispatched)))
	ops := slices.Concat(shifts, []record.Op{{Kind: record.SetSmall, Key: queuemetadata.Key, Small: goal.Marshal()}})
	if _, err := c.store.put(c, ops, nil, true); err != nil {
		c.store.set.Logger.Warn("cannot write what was mended of a queue; will try again with the next write", zap.String("client", c.name), zap.Error(err))
		c.oweShifts(shifts, goal)
	}
	return true
}

func (c *Client) oweShifts(shifts []record.Op, m queuemetadata.Metadata) {
	for _, op := range shifts {
		c.index.Apply(0, op)
	}
	c.owed, c.lazy = append(c.owed, shifts...), m.Marshal()
}

// readMetadata gives what to go by. ok: the client is a queue that we know.
func (c *Client) readMetadata() (m queuemetadata.Metadata, ok bool) {
	raw, err := c.metadata()
	if err == nil {
		m, err = queuemetadata.Parse(raw)
	}
	count, _ := c.index.Items()
	switch {
	case errors.Is(err, queuemetadata.ErrNewer):
		c.store.set.Logger.Warn("a queue's metadata is of a newer release: nothing of it is mended", zap.String("client", c.name), zap.Error(err))
		return m, false
	case err != nil:
		c.store.set.Logger.Error("a queue's metadata is unreadable; it is made anew from what is stored", zap.String("client", c.name), zap.Int("batches", count), zap.Error(err))
		return queuemetadata.Metadata{}, true
	case raw == nil:
		// Every item was stored with metadata: damage took it.
		return m, count > 0 && c.mayBeQueue()
	default:
		return m, true
	}
}

// mayBeQueue goes by the name, as numbers alone make no queue: exporterhelper's
// has that of its exporter and signal.
func (c *Client) mayBeQueue() bool {
	words := strings.Fields(c.name)
	signals := []string{"logs", "metrics", "traces", "profiles"}
	return len(words) > 0 && words[0] == "exporter" && slices.Contains(signals, words[len(words)-1])
}

// metadata reads the queue's metadata under the store's lock, which nobody else has use for yet.
func (c *Client) metadata() ([]byte, error) {
	small, place, ok := c.lookup(queuemetadata.Key)
	if !ok || place.Length == 0 {
		return small, nil
	}
	l, err := c.store.lend(place)
	if err != nil {
		return nil, err
	}
	defer c.store.release(l.seg)
	stored, _, err := l.stored(func() { pause(background) })
	if err != nil {
		return nil, err
	}
	return c.store.codec.Decode(stored, int(place.Raw))
}

// inOrder is how the runs are moved up so that they end at the write index
// without a gap, from the last to the first, and the indexes after it.
func inOrder(m queuemetadata.Metadata, runs []index.Run) (queuemetadata.Metadata, []record.Op) {
	goal := queuemetadata.Metadata{Write: m.Write}
	if len(runs) > 0 {
		last := runs[len(runs)-1]
		goal.Write = max(m.Write, last.From+last.Count)
	}
	goal.Read = goal.Write
	var shifts []record.Op
	for i := len(runs) - 1; i >= 0; i-- {
		goal.Read -= runs[i].Count
		if by := goal.Read - runs[i].From; by > 0 {
			shifts = append(shifts, record.Op{Kind: record.Shift, From: runs[i].From, Count: runs[i].Count, By: by})
		}
	}
	return goal, shifts
}

// share is the part of a total that count of all items have, about.
func share(total int64, count int, all uint64) int64 {
	if all == 0 || total <= 0 {
		return int64(count)
	}
	return int64(float64(total) * float64(count) / float64(all))
}
