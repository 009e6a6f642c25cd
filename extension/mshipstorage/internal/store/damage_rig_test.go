package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

const (
	payloadBytes = 5000
	shortSegment = 96 << 10
	queueName    = "exporter mship logs"
	plainName    = "extension plain"
)

// payload is what item n of a queue holds: its number, and bytes that do not compress.
func payload(n int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(n))
	b := make([]byte, payloadBytes)
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	binary.LittleEndian.PutUint64(b, uint64(n))
	return b
}

// session is an open store, with what it reports.
type session struct {
	t *testing.T
	*store.Store
	logs                 *observer.ObservedLogs
	damaged, quarantined atomic.Int64
}

func settingsOf(dir disk.Dir) store.Settings {
	return store.Settings{
		Dir: dir, MaxBytes: 64 << 20, SegmentBytes: shortSegment,
		FlushEachItem: true, FlushInterval: 500 * time.Millisecond, Logger: zap.NewNop(),
	}
}

func openSession(t *testing.T, dir disk.Dir) *session {
	t.Helper()
	s, err := tryOpen(t, dir)
	require.NoError(t, err)
	return s
}

func tryOpen(t *testing.T, dir disk.Dir) (*session, error) {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	s := &session{t: t, logs: logs}
	set := settingsOf(dir)
	set.Logger = zap.New(core)
	set.Watch = store.Watch{
		Damaged:     func(n int64) { s.damaged.Add(n) },
		Quarantined: func() { s.quarantined.Add(1) },
	}
	var err error
	s.Store, err = store.Open(set)
	return s, err
}

func (s *session) client(name string) *store.Client {
	s.t.Helper()
	c, err := s.Client(context.Background(), name)
	require.NoError(s.t, err)
	return c
}

func (s *session) queue() *queueDouble { return startQueue(s.t, s.client(queueName)) }

// damageReports are the Error logs about damaged bytes.
func (s *session) damageReports() []observer.LoggedEntry {
	return s.logs.FilterMessageSnippet("stored bytes are damaged").All()
}

func (s *session) errors() []string {
	var out []string
	for _, e := range s.logs.FilterLevelExact(zapcore.ErrorLevel).All() {
		out = append(out, e.Message)
	}
	return out
}

// queueDouble does with a storage what exporterhelper's queue does.
type queueDouble struct {
	t *testing.T
	c storage.Client
	m queuemetadata.Metadata
}

func startQueue(t *testing.T, c storage.Client) *queueDouble {
	t.Helper()
	q := &queueDouble{t: t, c: c}
	raw, err := c.Get(context.Background(), queuemetadata.Key)
	if err == nil {
		q.m, err = queuemetadata.Parse(raw)
	}
	if err != nil {
		q.m = queuemetadata.Metadata{}
	}
	if len(q.m.Dispatched) > 0 {
		t.Errorf("the queue would delete and put back what is in flight: %v", q.m.Dispatched)
	}
	return q
}

func (q *queueDouble) put(value []byte) error {
	index := q.m.Write
	q.m.Write++
	q.m.Items++
	q.m.Bytes += int64(len(value))
	return q.c.Batch(context.Background(), storage.SetOperation(queuemetadata.Key, q.m.Marshal()), storage.SetOperation(itemKey(index), value))
}

// dispatch reads the next item. What cannot be read is dropped, as the queue does.
func (q *queueDouble) dispatch() (index uint64, value []byte, ok bool) {
	index = q.m.Read
	q.m.Read++
	q.m.Dispatched = append(q.m.Dispatched, index)
	get := storage.GetOperation(itemKey(index))
	err := q.c.Batch(context.Background(), storage.SetOperation(queuemetadata.Key, q.m.Marshal()), get)
	if err != nil || len(get.Value) == 0 {
		q.done(index)
		return index, nil, false
	}
	return index, get.Value, true
}

func (q *queueDouble) done(index uint64) {
	q.m.Dispatched = slices.DeleteFunc(q.m.Dispatched, func(i uint64) bool { return i == index })
	assert.NoError(q.t, q.c.Batch(context.Background(),
		storage.SetOperation(queuemetadata.Key, q.m.Marshal()), storage.DeleteOperation(itemKey(index))), "a completion never fails")
}

// drain delivers what there is, and gives the numbers of the items in their order.
func (q *queueDouble) drain() (delivered []int) {
	for q.m.Read != q.m.Write {
		index, value, ok := q.dispatch()
		if !ok {
			continue
		}
		n := int(binary.LittleEndian.Uint64(value))
		require.Truef(q.t, bytes.Equal(payload(n), value), "item %d under key %d is not what was stored", n, index)
		delivered = append(delivered, n)
		q.done(index)
	}
	return delivered
}

func itemKey(index uint64) string { return strconv.FormatUint(index, 10) }

// plainData is what the plain client of a healthy directory holds.
func plainData() map[string][]byte {
	return map[string][]byte{"small": payload(1000)[:100], "big": payload(1001), "": payload(1002)[:512], "0": payload(1003)}
}

const (
	healthyItems = 72
	doneLast     = 9 // the last two that were completed are 8 and 9
)

// healthyLeft are the items of a healthy directory in the order in which they must come.
func healthyLeft() []int {
	left := []int{2, 5, 7}
	for n := doneLast + 1; n < healthyItems; n++ {
		left = append(left, n)
	}
	return left
}

// healthyDir is a store of four segments: killed, so that the newest has no
// summary, or closed. Three items are in flight, some are done.
func healthyDir(t *testing.T, closed bool) *disktest.Memory {
	m := disktest.New()
	s := openSession(t, m)
	plain := s.client(plainName)
	for k, v := range plainData() {
		require.NoError(t, plain.Set(t.Context(), k, v))
	}
	q := s.queue()
	for n := range healthyItems {
		require.NoError(t, q.put(payload(n)))
	}
	for range doneLast - 1 {
		_, _, ok := q.dispatch()
		require.True(t, ok)
	}
	for _, index := range []uint64{0, 1, 3, 4, 6} {
		q.done(index)
	}
	for range 2 {
		index, _, ok := q.dispatch()
		require.True(t, ok)
		q.done(index)
	}
	synctest.Wait()
	killed := m.Kill()
	require.NoError(t, s.Close())
	if closed {
		killed = m.Kill()
	}
	require.Empty(t, s.errors())
	require.Len(t, segmentsOf(killed), 4)
	return killed
}

func segmentsOf(m *disktest.Memory) []string {
	return slices.DeleteFunc(m.Names(), func(name string) bool { return path.Ext(name) != ".seg" })
}

// piece is a record in a segment's file.
type piece struct {
	at, end int64
	ops     []record.Op
	// items that it sets, by the range of their values.
	items map[int]record.Range
}

// piecesOf takes a whole segment apart.
func piecesOf(t *testing.T, m *disktest.Memory, file string) []piece {
	t.Helper()
	data := m.Bytes(file)
	h, err := record.ParseHeader(data)
	require.NoError(t, err)
	var out []piece
	at := int64(record.HeaderSize)
	f := record.Scan(data, h.Segment, func(r record.Record) {
		p := piece{at: at, ops: r.Ops, items: map[int]record.Range{}}
		at += int64(binary.LittleEndian.Uint32(data[at+12:])) + int64(binary.LittleEndian.Uint32(data[at+24:]))
		p.end = at
		for _, op := range r.Ops {
			if _, item := queuemetadata.Index(op.Key); item && op.Kind == record.Set && r.Client == queueName {
				from := int64(op.Value.Offset)
				p.items[int(binary.LittleEndian.Uint64(data[from+1:]))] = record.Range{From: from, To: from + int64(op.Value.Length)}
			}
		}
		out = append(out, p)
	})
	require.Empty(t, f.Damaged)
	require.NotEmpty(t, out)
	return out
}
