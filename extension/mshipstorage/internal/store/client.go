package store

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/index"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// Client is the data of one component, as a [storage.Client] and
// [storage.Walker]. It is safe for concurrent use. A Batch is atomic, on disk
// too: all of it is there after a crash, or nothing.
type Client struct {
	store *Store
	name  string

	// The store's lock guards all below.
	open  int
	index *index.Index
	// queue: the metadata is of exporterhelper's queue, and understood.
	queue bool
	// lazy is the queue's metadata where the disk has an older one.
	lazy []byte
	// owed are changes that the index has and the disk has not: they go before the next record.
	owed []record.Op
	// unreadable are keys whose bytes could not be read: they are not deleted.
	unreadable map[string]bool
}

var (
	_ storage.Client = (*Client)(nil)
	_ storage.Walker = (*Client)(nil)
)

func newClient(s *Store, name string) *Client {
	return &Client{store: s, name: name, index: index.New(s.weigh), unreadable: map[string]bool{}}
}

// Get implements storage.Client. A damaged value is a [DamageError].
func (c *Client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

// Set implements storage.Client.
func (c *Client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (c *Client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client. New data on a full disk is refused with
// [storage.ErrStorageFull]; the queue's metadata and deletes never are. What
// is read is what was there before the Batch, but for what it sets itself.
func (c *Client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	ch, err := c.change(ops)
	if err == nil && len(ch.gets) > 0 {
		err = c.fetch(ctx, ch.gets)
	}
	if err != nil || len(ch.ops) == 0 {
		return err
	}
	return c.commit(ch)
}

// fetch reads the values of the Gets.
func (c *Client) fetch(ctx context.Context, gets []*storage.Operation) error {
	loans := make([]loan, len(gets))
	defer func() {
		for _, l := range loans {
			if l.store != nil {
				l.back()
			}
		}
	}()
	if err := c.borrow(gets, loans); err != nil {
		return err
	}
	for i, op := range gets {
		if loans[i].store == nil {
			continue
		}
		var err error
		if op.Value, err = c.read(ctx, op.Key, loans[i]); err != nil {
			return err
		}
	}
	return nil
}

// borrow finds the values of the Gets at one moment: small ones, and the places of the others.
func (c *Client) borrow(gets []*storage.Operation, loans []loan) error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if c.store.closed {
		return errClosed
	}
	for i, op := range gets {
		small, place, ok := c.lookup(op.Key)
		if op.Value = nil; !ok || place.Length == 0 {
			op.Value = small
			continue
		}
		l, err := c.store.lend(place)
		if err != nil {
			c.unreadable[op.Key] = true
			return err
		}
		loans[i] = l
		delete(c.unreadable, op.Key) // it has another chance
	}
	return nil
}

// lookup finds a key: its value where that is in memory, else the place of it.
func (c *Client) lookup(key string) (small []byte, place index.Place, ok bool) {
	if key == queuemetadata.Key && c.lazy != nil {
		return slices.Clone(c.lazy), index.Place{}, true
	}
	e, ok := c.index.Get(key)
	if ok && e.Small != nil {
		return slices.Clone(e.Small), index.Place{}, true
	}
	return nil, e.Place, ok
}

// withOwed puts what is owed before the ops, and the metadata if they have none of their own.
func (c *Client) withOwed(ops []record.Op) []record.Op {
	all := slices.Concat(c.owed, ops)
	own := slices.ContainsFunc(ops, func(op record.Op) bool { return op.Key == queuemetadata.Key })
	if c.lazy != nil && !own {
		all = append(all, record.Op{Kind: record.SetSmall, Key: queuemetadata.Key, Small: c.lazy})
	}
	return all
}

// owe does changes that may wait in the index now, and on disk with the next record.
func (c *Client) owe(ops ...record.Op) {
	for _, op := range ops {
		switch {
		case op.Kind == record.Set:
		case op.Kind == record.SetSmall && op.Key == queuemetadata.Key:
			c.lazy = op.Small
		default:
			c.index.Apply(0, op)
			c.owed = append(c.owed, op)
		}
	}
}

// Close implements storage.Client. It needs no flush: what was acknowledged has had its own.
func (c *Client) Close(context.Context) error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if c.open == 0 {
		return errors.New("the client is closed already")
	}
	c.open--
	if !c.store.closed {
		_ = c.pay() // or with the next record, or by the store's Close
	}
	return nil
}

// pay writes what is owed, if that is possible now.
func (c *Client) pay() error {
	if len(c.owed) == 0 && c.lazy == nil {
		return nil
	}
	_, err := c.store.put(c, nil, nil, true)
	if err != nil {
		c.store.set.Logger.Debug("cannot write what is owed; will try again", zap.String("client", c.name), zap.Error(err))
	}
	return err
}

func (s *Store) payAll() (err error) {
	for _, c := range s.clients {
		err = errors.Join(err, c.pay())
	}
	return err
}

// Walk implements storage.Walker: first the values, then the operations that
// fn returned, as one Batch. What is set meanwhile may be seen or not.
func (c *Client) Walk(ctx context.Context, fn storage.WalkFunc) error {
	var ops []*storage.Operation
	for _, key := range c.keys() {
		get := storage.GetOperation(key)
		if err := c.Batch(ctx, get); err != nil {
			return err
		}
		if get.Value == nil {
			continue
		}
		more, err := fn(key, get.Value)
		if err != nil && !errors.Is(err, storage.SkipAll) {
			return err
		}
		ops = append(ops, more...)
		if err != nil {
			break
		}
	}
	return c.Batch(ctx, ops...)
}

func (c *Client) keys() []string {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	var keys []string
	for key := range c.index.Keys() {
		keys = append(keys, key)
	}
	if _, ok := c.index.Get(queuemetadata.Key); !ok && c.lazy != nil {
		keys = append(keys, queuemetadata.Key)
	}
	return keys
}
