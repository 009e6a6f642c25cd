package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

const (
	rigSegment  = 4 << 10
	rigMax      = 256 << 10
	rigInterval = 500 * time.Millisecond

	rigQueue, rigPlain = "exporter mship logs", "receiver other"
)

var (
	background = context.Background()
	errCut     = errors.New("the power is cut")
)

func rigSettings(mem *disktest.Memory) store.Settings {
	return store.Settings{
		Dir: mem, MaxBytes: rigMax, SegmentBytes: rigSegment, FlushEachItem: true, FlushInterval: rigInterval, Logger: zap.NewNop(),
	}
}

func isDamage(err error) bool {
	var damage *store.DamageError
	return errors.As(err, &damage)
}

func journalKey(id int) string { return fmt.Sprintf("journal-%06d", id) }
func ledgerKey(id int) string  { return fmt.Sprintf("ledger-%06d", id) }

// rig drives a store as exporterhelper's queue does, and a second client
// beside it. It runs in a synctest bubble.
type rig struct {
	mem      *disktest.Memory
	settings store.Settings
	oracle   *oracle
	r        *rand.Rand

	store        *store.Store
	queue, plain *store.Client

	meta     queuemetadata.Metadata
	inFlight map[uint64]int
	// ledger are batches that are in the ledger.
	ledger []int
	next   int
	// problems are what no store may do.
	problems []string
}

func newRig(mem *disktest.Memory, seed uint64) *rig {
	return &rig{mem: mem, settings: rigSettings(mem), oracle: newOracle(), r: rand.New(rand.NewPCG(seed, 7)), inFlight: map[uint64]int{}}
}

func (g *rig) problem(format string, args ...any) {
	g.problems = append(g.problems, fmt.Sprintf(format, args...))
}

// open starts the store and its clients.
func (g *rig) open() error {
	var err error
	if g.store, err = store.Open(g.settings); err != nil {
		return err
	}
	if g.plain, err = g.store.Client(background, rigPlain); err != nil {
		return err
	}
	return g.openQueue()
}

func (g *rig) openQueue() error {
	var err error
	if g.queue, err = g.store.Client(background, rigQueue); err != nil {
		return err
	}
	raw, err := g.queue.Get(background, queuemetadata.Key)
	if err != nil {
		return err
	}
	g.meta, err = queuemetadata.Parse(raw)
	if err == nil && len(g.meta.Dispatched) > 0 {
		err = fmt.Errorf("in flight at the start: %v", g.meta.Dispatched)
	}
	clear(g.inFlight)
	return err
}

func (g *rig) close() error { return g.store.Close() }

func (g *rig) setMeta() *storage.Operation {
	return storage.SetOperation(queuemetadata.Key, g.meta.Marshal())
}

// enqueue takes a new batch: into the journal, then from there into the queue.
func (g *rig) enqueue() error {
	id := g.next
	g.next++
	g.oracle.try(id, journalled)
	if err := g.queue.Set(background, journalKey(id), []byte("journal")); err != nil {
		return err
	}
	g.oracle.durable(id, journalled)
	g.meta.Items++
	g.meta.Bytes += int64(len(batchContent(id)))
	g.meta.Write++
	g.oracle.try(id, queued)
	err := g.queue.Batch(background, g.setMeta(),
		storage.SetOperation(strconv.FormatUint(g.meta.Write-1, 10), batchContent(id)),
		storage.DeleteOperation(journalKey(id)))
	if err != nil {
		return err
	}
	g.oracle.durable(id, queued)
	return nil
}

// dispatch reads the next batch, as getNextItem does.
func (g *rig) dispatch() {
	if g.meta.Read == g.meta.Write {
		return
	}
	index := g.meta.Read
	g.meta.Read++
	g.meta.Dispatched = append(g.meta.Dispatched, index)
	get := storage.GetOperation(strconv.FormatUint(index, 10))
	err := g.queue.Batch(background, g.setMeta(), get)
	id, known := idOf(string(get.Value), "batch-")
	switch {
	case err == nil && known && bytes.Equal(get.Value, batchContent(id)):
		g.inFlight[index] = id
		return
	case err == nil && get.Value != nil:
		g.problem("index %d holds %.40q", index, get.Value)
	case err != nil && !isDamage(err):
		g.problem("index %d cannot be read: %v", index, err)
	}
	if err := g.finish(index); err != nil {
		g.problem("index %d cannot be given up: %v", index, err)
	}
}

// finish is itemDispatchingFinish, with what rides in its Batch.
func (g *rig) finish(index uint64, riders ...*storage.Operation) error {
	g.meta.Dispatched = slices.DeleteFunc(g.meta.Dispatched, func(i uint64) bool { return i == index })
	ops := []*storage.Operation{g.setMeta(), storage.DeleteOperation(strconv.FormatUint(index, 10))}
	return g.queue.Batch(background, append(ops, riders...)...)
}

// complete finishes a batch that is in flight.
func (g *rig) complete(index uint64) error {
	id := g.inFlight[index]
	delete(g.inFlight, index)
	g.meta.Items = max(0, g.meta.Items-1)
	g.meta.Bytes = max(0, g.meta.Bytes-int64(len(batchContent(id))))
	g.oracle.try(id, delivered)
	if err := g.finish(index, storage.SetOperation(ledgerKey(id), []byte("ledger"))); err != nil {
		return err
	}
	g.oracle.acknowledged(id, delivered)
	g.ledger = append(g.ledger, id)
	return nil
}

// forget deletes the oldest ledger entries.
func (g *rig) forget(n int) error {
	for _, id := range g.ledger[:min(n, len(g.ledger))] {
		g.ledger = g.ledger[1:]
		g.oracle.try(id, forgotten)
		if err := g.queue.Delete(background, ledgerKey(id)); err != nil {
			return err
		}
		g.oracle.acknowledged(id, forgotten)
	}
	return nil
}

// setPlain changes a key of the other client.
func (g *rig) setPlain(key string) error {
	number := g.oracle.set(key)
	value := plainContent(key, number)
	var err error
	if value == nil {
		err = g.plain.Delete(background, key)
	} else {
		err = g.plain.Set(background, key, value)
	}
	if err == nil {
		g.oracle.isSet(key, number)
	}
	return err
}

// damage flips a byte of a batch wherever it stands on the disk.
func (g *rig) damage(id int) {
	g.oracle.damage(id)
	want := batchContent(id)
	for _, name := range g.mem.Names() {
		if strings.HasSuffix(name, ".seg") {
			g.flip(name, want)
		}
	}
}

func (g *rig) flip(name string, want []byte) {
	data := g.mem.Bytes(name)
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], want)
		if i < 0 {
			return
		}
		at += i
		f, err := g.mem.Open(name)
		if err != nil {
			return
		}
		last := at + len(want) - 1
		_, _ = f.WriteAt([]byte{data[last] ^ 0x40}, int64(last))
		_ = f.Close()
	}
}

// look sees all that the store has, and drains the queue as the real one
// would. Its problems are what no store may do, whatever happened before.
func (g *rig) look() (s seen, problems []string) {
	s = newSeen()
	g.problems = nil
	g.drain(s)
	g.walk(s)
	s.quarantine = g.quarantine()
	return s, g.problems
}

func (g *rig) quarantine() (out [][]byte) {
	for _, name := range g.mem.Names() {
		if strings.HasPrefix(name, "quarantine/") {
			out = append(out, g.mem.Bytes(name))
		}
	}
	return out
}

// drain reads from the read index to the write index.
func (g *rig) drain(s seen) {
	for index := g.meta.Read; index < g.meta.Write; index++ {
		b, err := g.queue.Get(background, strconv.FormatUint(index, 10))
		id, known := idOf(string(b), "batch-")
		switch {
		case isDamage(err), err == nil && b == nil && len(g.quarantine()) > 0: // the store may have found it before us
		case err != nil:
			g.problem("index %d cannot be read: %v", index, err)
		case !known || !bytes.Equal(b, batchContent(id)):
			g.problem("index %d of %d to %d holds %.40q", index, g.meta.Read, g.meta.Write, b)
		default:
			s.items[id]++
		}
	}
}

func (g *rig) walk(s seen) {
	items := 0
	err := g.queue.Walk(background, func(key string, value []byte) ([]*storage.Operation, error) {
		index, isItem := queuemetadata.Index(key)
		journal, inJournal := idOf(key, "journal-")
		ledger, inLedger := idOf(key, "ledger-")
		switch {
		case isItem && index >= g.meta.Read && index < g.meta.Write:
			items++
		case inJournal && string(value) == "journal":
			s.journal[journal] = true
		case inLedger && string(value) == "ledger":
			s.ledger[ledger] = true
		case key != queuemetadata.Key:
			g.problem("key %q holds %.40q; the queue is from %d to %d", key, value, g.meta.Read, g.meta.Write)
		}
		return nil, nil
	})
	if err != nil {
		g.problem("walk: %v", err)
	}
	if items != total(s.items) {
		g.problem("walked %d batches, drained %d", items, total(s.items))
	}
	err = g.plain.Walk(background, func(key string, value []byte) ([]*storage.Operation, error) {
		s.plain[key] = slices.Clone(value)
		return nil, nil
	})
	if err != nil {
		g.problem("walk of %s: %v", rigPlain, err)
	}
}

func total(counts map[int]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// idle lets the store do what it does when nobody waits.
func idle(d time.Duration) {
	time.Sleep(d) // in a bubble
	synctest.Wait()
}

// bubble runs a test in one.
func bubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(t) })
}

func mustOpen(t *testing.T, g *rig) {
	t.Helper()
	require.NoError(t, g.open())
}
