package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/value"
)

// cell is a key of a plain client.
type cell struct {
	// value is what must be there; nil is none.
	value []byte
	// hurt: a record that tells of it was damaged. Then it may be gone, or what it ever was.
	hurt bool
	ever map[string]bool
}

// model drives a store at random, and knows what must be in it: the queue's
// part is the rig's, and there are plain clients with keys of all kinds.
type model struct {
	*rig
	others []*store.Client
	cells  []map[string]*cell
	// lost: a record that renumbers the queue's batches was damaged. What is
	// deleted after it is another batch then.
	lost  bool
	did   []string
	codec *value.Codec
}

const modelOthers = 2

func otherName(i int) string { return "extension other " + strconv.Itoa(i) }

func newModel(seed uint64) *model {
	codec, err := value.New(false)
	if err != nil {
		panic(err)
	}
	m := &model{rig: newRig(disktest.New(), seed), codec: codec}
	m.settings.MaxBytes = 4 << 20
	m.settings.SegmentBytes = 1 << (10 + m.r.IntN(4))
	m.settings.Compress = m.r.IntN(2) == 0
	m.settings.FlushEachItem = m.r.IntN(4) > 0
	for range modelOthers {
		m.cells = append(m.cells, map[string]*cell{})
	}
	return m
}

func (m *model) note(format string, args ...any) { m.did = append(m.did, fmt.Sprintf(format, args...)) }

func (m *model) start() error {
	m.settings.Dir = m.mem
	if err := m.open(); err != nil {
		return err
	}
	m.others = nil
	for i := range modelOthers {
		c, err := m.store.Client(background, otherName(i))
		if err != nil {
			return err
		}
		m.others = append(m.others, c)
	}
	return nil
}

// run takes some steps, and some crashes between them.
func (m *model) run() error {
	err := m.start()
	for range 2 + m.r.IntN(3) {
		for range m.r.IntN(40) {
			if err == nil {
				err = m.step()
			}
		}
		if err == nil {
			err = m.crash()
		}
		if err == nil {
			err = m.compare()
		}
	}
	if m.store != nil {
		err = errors.Join(err, m.close())
	}
	m.codec.Close()
	return err
}

func (m *model) step() (err error) {
	switch n := m.r.IntN(20); {
	case n < 6:
		err = m.change()
	case n < 8:
		err = m.compareKey(m.r.IntN(modelOthers), m.key())
	case n < 12:
		err = mayBeFull(m.enqueue())
		m.note("enqueue %d: %v", m.next-1, err)
	case n < 15:
		m.dispatch()
		m.note("dispatch %d", m.meta.Read-1)
	case n < 17:
		err = m.completeAny()
	case n == 17:
		err = m.forget(2)
	case n == 18:
		limit := []int64{-1, -1, m.mem.Total() + 8<<10, m.mem.Total()}[m.r.IntN(4)]
		m.mem.Limit(limit)
		m.oracle.full = m.oracle.full || limit >= 0
		m.note("limit %d", limit)
	default:
		idle(2 * rigInterval)
		m.note("idle")
	}
	if err == nil && len(m.problems) > 0 {
		err = errors.New(strings.Join(m.problems, "; "))
	}
	return err
}

func mayBeFull(err error) error {
	if errors.Is(err, storage.ErrStorageFull) || errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

func (m *model) completeAny() error {
	for _, index := range slices.Sorted(maps.Keys(m.inFlight)) {
		m.note("complete %d, index %d", m.inFlight[index], index)
		return m.complete(index)
	}
	return nil
}

// change writes one or more keys in one Batch. A pair is always written together.
func (m *model) change() error {
	i := m.r.IntN(modelOthers)
	values := map[string][]byte{}
	if m.r.IntN(4) == 0 {
		values["pair-a"] = m.value()
		values["pair-b"] = values["pair-a"]
	}
	for range 1 + m.r.IntN(2) {
		values[m.key()] = m.value()
	}
	var ops []*storage.Operation
	for _, key := range slices.Sorted(maps.Keys(values)) {
		op := storage.SetOperation(key, values[key])
		if values[key] == nil {
			op = storage.DeleteOperation(key)
		}
		ops = append(ops, op)
	}
	err := m.others[i].Batch(background, ops...)
	for key, value := range values {
		c := m.cell(i, key)
		c.ever[string(value)] = c.ever[string(value)] || value != nil
		if err == nil {
			c.value, c.hurt = value, false
		}
		m.note("client %d: %.10q = %d bytes %.10q: %v", i, key, len(value), value, err)
	}
	return mayBeFull(err)
}

func (m *model) cell(client int, key string) *cell {
	c := m.cells[client][key]
	if c == nil {
		c = &cell{ever: map[string]bool{}}
		m.cells[client][key] = c
	}
	return c
}

func (m *model) key() string {
	return []string{"", "a", "b", "c", "0", "7", "8", "12", "007", "long-" + strings.Repeat("k", 200)}[m.r.IntN(10)]
}

func (m *model) value() []byte {
	switch m.r.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return m.bytes(record.SmallMax + m.r.IntN(2))
	case 3:
		return m.bytes(3000)
	default:
		return m.bytes(1 + m.r.IntN(900))
	}
}

func (m *model) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.r.Uint32()) & 0x3f // it compresses a little
	}
	return b
}

func (m *model) compareKey(i int, key string) error {
	got, err := m.others[i].Get(background, key)
	c := m.cell(i, key)
	switch {
	case c.hurt && (isDamage(err) || err == nil && (got == nil || c.ever[string(got)])):
		c.value = got
		return nil
	case err != nil:
		return fmt.Errorf("client %d, key %.20q: %w", i, key, err)
	case (got == nil) == (c.value == nil) && bytes.Equal(got, c.value):
		return nil
	}
	return fmt.Errorf("client %d, key %.20q is %.20q (%d bytes), must be %.20q (%d bytes)", i, key, got, len(got), c.value, len(c.value))
}

// compare all there is.
func (m *model) compare() error {
	for i, cells := range m.cells {
		for _, key := range slices.Sorted(maps.Keys(cells)) {
			if err := m.compareKey(i, key); err != nil {
				return err
			}
		}
		if a, b := m.cell(i, "pair-a"), m.cell(i, "pair-b"); !a.hurt && !b.hurt && !bytes.Equal(a.value, b.value) {
			return fmt.Errorf("client %d: a Batch was cut in two", i)
		}
		if err := m.walkOther(i); err != nil {
			return err
		}
	}
	s, problems := m.look()
	if !m.lost {
		problems = append(problems, m.oracle.wrong(s)...)
	}
	m.problems = nil
	m.oracle.settle(s)
	m.ledger = slices.Sorted(maps.Keys(s.ledger))
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

// walkOther finds no key that it does not know.
func (m *model) walkOther(i int) error {
	seen := 0
	err := m.others[i].Walk(background, func(key string, value []byte) ([]*storage.Operation, error) {
		seen++
		if c := m.cell(i, key); !bytes.Equal(c.value, value) || c.value == nil {
			return nil, fmt.Errorf("client %d walks over %.20q = %.20q, must be %.20q", i, key, value, c.value)
		}
		return nil, nil
	})
	for _, c := range m.cells[i] {
		if c.value != nil {
			seen--
		}
	}
	if err == nil && seen != 0 {
		err = fmt.Errorf("client %d walked over %d keys too many", i, seen)
	}
	return err
}

// crash ends the store in one of many ways, and starts it again.
func (m *model) crash() error {
	left := m.mem
	how := m.r.IntN(4)
	if !m.settings.FlushEachItem {
		how %= 2 // a power cut may take what is acknowledged
	}
	m.note("crash %d", how)
	left.Limit(-1)
	switch how {
	case 0:
		if err := m.close(); err != nil {
			return err
		}
		m.oracle.closed()
	case 1:
		left = m.mem.Kill()
	case 2:
		left = m.mem.Crash(nil)
	default:
		left = m.mem.Crash(m.r)
	}
	_ = m.close() // what is left of it
	m.mem = left
	if m.r.IntN(2) == 0 {
		for range 1 + m.r.IntN(3) {
			m.hurtDisk()
		}
	}
	return m.start()
}

// hurtDisk damages a file, and notes what that may touch.
func (m *model) hurtDisk() {
	names := slices.DeleteFunc(m.mem.Names(), func(name string) bool { return len(m.mem.Bytes(name)) == 0 })
	if len(names) == 0 {
		return
	}
	name := names[m.r.IntN(len(names))]
	b := m.mem.Bytes(name)
	from := m.r.IntN(len(b))
	to := min(len(b), from+[]int{1, 16, 512}[m.r.IntN(3)])
	m.note("damage %s %d-%d", name, from, to)
	m.mark(name, record.Range{From: int64(from), To: int64(to)})
	switch m.r.IntN(3) {
	case 0:
		clear(b[from:to])
	case 1:
		m.mark(name, record.Range{From: int64(from), To: int64(len(b))})
		b = b[:from]
	default:
		for i := from; i < to; i++ {
			b[i] ^= 1 << m.r.IntN(8)
		}
	}
	m.mem.Put(name, b)
}

// mark notes whom the records tell of that have bytes in a range.
func (m *model) mark(name string, damaged record.Range) {
	digits, ok := strings.CutSuffix(name, ".seg")
	if !ok {
		return
	}
	segment, _ := strconv.ParseUint(digits, 10, 32)
	data := m.mem.Bytes(name)
	for _, p := range placed(data, uint32(segment)) {
		if p.To > damaged.From && p.From < damaged.To {
			m.markRecord(p.Record, data)
		}
	}
}

type placedRecord struct {
	record.Record
	record.Range
}

// placed gives the records of a segment, with the bytes they take.
func placed(data []byte, segment uint32) (out []placedRecord) {
	found := record.Scan(data, segment, func(r record.Record) { out = append(out, placedRecord{Record: r}) })
	at := int64(record.HeaderSize)
	for i := range out {
		for _, gap := range found.Damaged {
			if gap.From == at {
				at = gap.To
			}
		}
		var bodies [][]byte
		for _, op := range out[i].Ops {
			if op.Kind == record.Set {
				bodies = append(bodies, data[op.Value.Offset:op.Value.Offset+op.Value.Length])
			}
		}
		e, err := record.Encode(out[i].Record, bodies)
		if err != nil {
			panic(err)
		}
		out[i].Range = record.Range{From: at, To: at + int64(len(e.Bytes))}
		at = out[i].To
	}
	return out
}

func (m *model) markRecord(r record.Record, data []byte) {
	for _, op := range r.Ops {
		if i, ok := strings.CutPrefix(r.Client, otherName(0)[:len(otherName(0))-1]); ok {
			n, _ := strconv.Atoi(i)
			m.cell(n, op.Key).hurt = true
			continue
		}
		id, known := m.batchOf(op, data)
		switch {
		case op.Kind == record.Shift:
			m.lost = true
		case known:
			p := m.oracle.batches[id]
			p.hurt = true
			m.oracle.batches[id] = p
		}
	}
}

// batchOf is the batch that an operation tells of.
func (m *model) batchOf(op record.Op, data []byte) (id int, known bool) {
	for _, prefix := range []string{"journal-", "ledger-"} {
		if id, known = idOf(op.Key, prefix); known {
			return id, true
		}
	}
	if op.Kind != record.Set {
		return 0, false // what rides with it knows
	}
	raw, err := m.codec.Decode(data[op.Value.Offset:op.Value.Offset+op.Value.Length], int(op.Value.Raw))
	if err != nil {
		return 0, false
	}
	return idOf(string(raw), "batch-")
}

// A store and a map have the same in them, after whatever happened.
func TestAStoreIsAMap(t *testing.T) {
	runs := 500
	if long() {
		runs = 10_000
	}
	var next, lost atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for seed := next.Add(1); seed <= int64(runs) && !t.Failed(); seed = next.Add(1) {
				bubble(t, func(t *testing.T) {
					m := newModel(uint64(seed))
					if err := m.run(); err != nil {
						assert.NoError(t, err, "seed %d: %s", seed, strings.Join(m.did, "\n"))
					}
					if m.lost {
						lost.Add(1)
					}
				})
			}
		})
	}
	group.Wait()
	t.Logf("%d runs; in %d of them the damage took a renumbering", runs, lost.Load())
}
