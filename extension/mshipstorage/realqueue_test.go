package mshipstorage

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

func onlyValue(t *testing.T, m metricdata.Metrics) int64 {
	t.Helper()
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		require.Len(t, d.DataPoints, 1)
		return d.DataPoints[0].Value
	case metricdata.Sum[int64]:
		require.Len(t, d.DataPoints, 1)
		return d.DataPoints[0].Value
	}
	t.Errorf("%s is neither a gauge nor a sum", m.Name)
	return 0
}

// recorder writes down what the queue asks of its storage, call by call.
type recorder struct {
	storage.Client
	mu    *sync.Mutex
	calls *[]string
}

func (r recorder) note(call string, ops ...*storage.Operation) {
	texts := make([]string, len(ops))
	for i, op := range ops {
		texts[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s", map[storage.OpType]string{storage.Get: "get", storage.Set: "set", storage.Delete: "delete"}[op.Type], op.Key, describe(op)))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.calls = append(*r.calls, strings.TrimSpace(call+": "+strings.Join(texts, ", ")))
}

func describe(op *storage.Operation) string {
	switch {
	case op.Type != storage.Set:
		return ""
	case op.Key != queuemetadata.Key:
		return fmt.Sprintf("%d bytes", len(op.Value))
	}
	m, err := queuemetadata.Parse(op.Value)
	if err != nil {
		return err.Error()
	}
	if !slices.Equal(m.Marshal(), op.Value) && m.Count() > 0 && m.Read > 0 {
		return fmt.Sprintf("metadata that we write otherwise: %x, ours %x", op.Value, m.Marshal())
	}
	return fmt.Sprintf("[%d %d) in flight %v, %d records, %d bytes", m.Read, m.Write, m.Dispatched, m.Items, m.Bytes)
}

func (r recorder) Get(ctx context.Context, key string) ([]byte, error) {
	r.note("Get", storage.GetOperation(key))
	return r.Client.Get(ctx, key)
}

func (r recorder) Set(ctx context.Context, key string, value []byte) error {
	r.note("Set", storage.SetOperation(key, value))
	return r.Client.Set(ctx, key, value)
}

func (r recorder) Delete(ctx context.Context, key string) error {
	r.note("Delete", storage.DeleteOperation(key))
	return r.Client.Delete(ctx, key)
}

func (r recorder) Batch(ctx context.Context, ops ...*storage.Operation) error {
	r.note("Batch", ops...)
	return r.Client.Batch(ctx, ops...)
}

func (r recorder) Close(ctx context.Context) error {
	r.note("Close")
	return r.Client.Close(ctx)
}

// calls gives what was asked since it was called last.
func (r recorder) since() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := *r.calls
	*r.calls = nil
	return out
}

func record(s *memoryStorage) recorder {
	r := recorder{mu: &sync.Mutex{}, calls: &[]string{}}
	s.wrap = func(c storage.Client) storage.Client {
		r.Client = c
		return r
	}
	return r
}

// TestTheQueuesProtocol is what the store knows of exporterhelper's queue. It
// fails where another release asks otherwise: then read its persistent_queue.go,
// and what nature, restore and dropVain in internal/store make of it.
func TestTheQueuesProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := disktest.New()
		s := openMemory(t, m)
		calls := record(s)
		q := startQueue(t, s, none, queueSettings{})
		assert.Equal(t, []string{
			"Get: get qmv0",
			"Batch: get ri, get wi",
			"Get: get di",
			"Set: set qmv0 [0 0) in flight [], 0 records, 0 bytes",
			"Batch: delete ri, delete wi, delete di",
		}, calls.since(), "the first start")

		require.NoError(t, q.offer(0))
		synctest.Wait()
		assert.Equal(t, []string{
			"Batch: set qmv0 [0 1) in flight [], 7 records, 3000 bytes, set 0 3000 bytes",
			"Batch: set qmv0 [1 1) in flight [0], 7 records, 3000 bytes, get 0",
		}, calls.since(), "enqueue and dispatch")

		require.NoError(t, q.offer(1))
		q.takesFromNow(func(n int) bool { return n == 0 })
		time.Sleep(time.Second)
		assert.Equal(t, []string{
			"Batch: set qmv0 [1 2) in flight [0], 14 records, 6000 bytes, set 1 3000 bytes",
			"Batch: set qmv0 [1 2) in flight [], 7 records, 3000 bytes, delete 0",
			"Batch: set qmv0 [2 2) in flight [1], 7 records, 3000 bytes, get 1",
		}, calls.since(), "enqueue, complete and dispatch")

		q.stop()
		assert.Equal(t, []string{"Close:"}, calls.since(), "stop")
		assert.NotNil(t, m)

		q = startQueue(t, s, all, queueSettings{})
		time.Sleep(time.Second)
		assert.Equal(t, []string{
			"Get: get qmv0", // which says that nothing is in flight
			"Batch: set qmv0 [2 2) in flight [1], 7 records, 3000 bytes, get 1",
			"Batch: set qmv0 [2 2) in flight [], 0 records, 0 bytes, delete 1",
		}, calls.since(), "the next start")
		q.stop()
		s.close()
	})
}

// TestTheQueuesHazards is why the store mends: what the queue does where
// something is in flight, where it cannot read, and where a write fails.
func TestTheQueuesHazards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openMemory(t, disktest.New())
		defer s.close()
		c, err := s.Client(t.Context(), clientName(component.KindExporter, component.MustNewID("rig"), "logs"))
		require.NoError(t, err)
		calls := record(s)
		// The metadata is set behind the store's back, after the client was mended.
		require.NoError(t, c.Batch(t.Context(),
			storage.SetOperation(queuemetadata.Key, queuemetadata.Metadata{Items: 14, Bytes: 6000, Read: 2, Write: 2, Dispatched: []uint64{0, 1}}.Marshal()),
			storage.SetOperation("0", bytesOf(0)), storage.SetOperation("1", bytesOf(1))))
		q := startQueue(t, s, none, queueSettings{consumers: 2})
		synctest.Wait()
		assert.Equal(t, []string{
			"Get: get qmv0",
			"Batch: get 0, get 1",
			"Batch: delete 0, delete 1",
			"Batch: set qmv0 [2 3) in flight [0 1], 14 records, 6000 bytes, set 2 3000 bytes",
			"Batch: set qmv0 [2 4) in flight [0 1], 14 records, 6000 bytes, set 3 3000 bytes",
			"Batch: set qmv0 [3 4) in flight [2], 14 records, 6000 bytes, get 2",
			"Batch: set qmv0 [4 4) in flight [2 3], 14 records, 6000 bytes, get 3",
		}, calls.since(), "a start with items in flight")
		q.takesFromNow(all)
		time.Sleep(time.Second)
		assert.ElementsMatch(t, []int{0, 1}, q.delivered())
		q.stop()
		require.NoError(t, c.Close(t.Context()))
	})
	synctest.Test(t, func(t *testing.T) {
		s := openMemory(t, disktest.New())
		defer s.close()
		calls := record(s)
		inner := s.wrap
		s.wrap = func(c storage.Client) storage.Client { return inner(&failing{Client: c, key: "0"}) }
		q := startQueue(t, s, all, queueSettings{})
		calls.since()
		require.NoError(t, q.offer(0))
		synctest.Wait()
		assert.Equal(t, []string{
			"Batch: set qmv0 [0 1) in flight [], 7 records, 3000 bytes, set 0 3000 bytes",
			"Batch: set qmv0 [1 1) in flight [0], 7 records, 3000 bytes, get 0",
			"Batch: set qmv0 [1 1) in flight [], 0 records, 0 bytes, delete 0",
		}, calls.since(), "a read that fails: the item is deleted")
		q.stop()
	})
}

// failing cannot read one key.
type failing struct {
	storage.Client
	key string
}

func (f *failing) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type == storage.Get && op.Key == f.key {
			return assert.AnError
		}
	}
	return f.Client.Batch(ctx, ops...)
}

// One flush for each enqueue, none for dispatch and completion.
func TestOneFlushForEachCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openMemory(t, disktest.New(), func(set *store.Settings) { set.FlushInterval, set.SegmentBytes = time.Minute, 16<<20 })
		q := startQueue(t, s, none, queueSettings{consumers: 3})
		require.NoError(t, q.offer(0))
		assert.Equal(t, 2, s.flushesSince(), "the segment, and its name")
		for n := 1; n <= 50; n++ {
			require.NoError(t, q.offer(n))
			assert.Equal(t, 1, s.flushesSince(), "enqueue %d", n)
			synctest.Wait()
		}
		assert.Zero(t, s.flushesSince(), "dispatch")
		q.takesFromNow(all)
		time.Sleep(10 * time.Second)
		assert.Equal(t, numbers(0, 51), slices.Sorted(slices.Values(q.delivered())))
		assert.Zero(t, s.flushesSince(), "completion")
		time.Sleep(time.Minute)
		assert.Equal(t, 1, s.flushesSince(), "flush_interval")
		q.stop()
		s.close()
	})
}

// backlog is a queue of 30 items as a run leaves it on its disk that was cut
// off: 0, 4 and 15 are in flight, the others below 20 are done.
func backlog(t *testing.T) (m *disktest.Memory, left []int) {
	t.Helper()
	m = disktest.New()
	s := openMemory(t, m)
	stuck := map[int]bool{0: true, 4: true, 15: true, 20: true}
	q := startQueue(t, s, func(n int) bool { return !stuck[n] && n < 20 }, queueSettings{consumers: 4})
	q.offerAll(0, 30)
	time.Sleep(time.Second) // flush_interval
	assert.Equal(t, int64(13), q.size())
	cut := m.Kill()
	q.stop()
	s.close()
	return cut, append([]int{0, 4, 15}, numbers(20, 30)...)
}

// In flight at the end of a run comes first in the next one, in its order, after each kind of end.
func TestInFlightComesBackToTheFront(t *testing.T) {
	for name, end := range map[string]func(*disktest.Memory) *disktest.Memory{
		"kill":      func(m *disktest.Memory) *disktest.Memory { return m },
		"power cut": func(m *disktest.Memory) *disktest.Memory { return m.Crash(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, left := backlog(t)
				m = end(m)
				s := openMemory(t, m)
				q := startQueue(t, s, all, queueSettings{})
				time.Sleep(time.Second)
				assert.Equal(t, left, q.delivered())
				assert.Zero(t, q.size())
				q.stop()
				s.close()
				assertEmpty(t, m)
			})
		})
	}
}

// assertEmpty: a start finds nothing to deliver, and nothing to report.
func assertEmpty(t *testing.T, m *disktest.Memory) {
	t.Helper()
	s := openMemory(t, m)
	q := startQueue(t, s, all, queueSettings{})
	time.Sleep(time.Second)
	assert.Empty(t, q.delivered())
	assert.Zero(t, q.size())
	assert.Empty(t, s.logs.All())
	q.stop()
	s.close()
}

// TestThePowerIsCutInAStart cuts the power at every operation of a start, the
// store's and the queue's, and again at every one of the start after it. All is
// there, once and in order.
func TestThePowerIsCutInAStart(t *testing.T) {
	cuts := 0
	synctest.Test(t, func(t *testing.T) {
		m, left := backlog(t)
		r := rand.New(rand.NewPCG(3, 3))
		for _, first := range append(cutsOfAStart(t, m, r), m.Crash(nil)) {
			for _, second := range append(cutsOfAStart(t, first, r), first.Kill()) {
				cuts++
				s := openMemory(t, second)
				q := startQueue(t, s, all, queueSettings{})
				time.Sleep(time.Second)
				require.Equal(t, left, q.delivered())
				q.stop()
				s.close()
			}
		}
	})
	t.Logf("%d pairs of cuts", cuts)
	assert.Greater(t, cuts, 100)
}

// cutsOfAStart are disks as a power cut at each operation of a start leaves
// them: with nothing that was not flushed, or with some of it.
func cutsOfAStart(t *testing.T, m *disktest.Memory, r *rand.Rand) (out []*disktest.Memory) {
	t.Helper()
	m = m.Kill()
	m.OnChange(func(disktest.Change) error {
		out = append(out, m.Crash(r))
		if long {
			out = append(out, m.Crash(nil), m.Kill())
		}
		return nil
	})
	s := openMemory(t, m)
	q := startQueue(t, s, none, queueSettings{consumers: 2})
	time.Sleep(time.Second)
	m.OnChange(nil)
	q.stop()
	s.close()
	return out
}

func TestUnreadableMetadataLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, left := backlog(t)
		s := openMemory(t, m)
		c, err := s.Client(t.Context(), clientName(component.KindExporter, component.MustNewID("rig"), "logs"))
		require.NoError(t, err)
		require.NoError(t, c.Set(t.Context(), queuemetadata.Key, []byte("no metadata")))
		s.close()
		s = openMemory(t, m)
		q := startQueue(t, s, none, queueSettings{})
		assert.Len(t, s.logs.FilterMessageSnippet("metadata is unreadable; it is made anew").All(), 1)
		assert.Equal(t, int64(len(left)), q.size())
		q.takesFromNow(all)
		time.Sleep(time.Second)
		assert.Equal(t, left, q.delivered())
		q.stop()
		s.close()
		assertEmpty(t, m)
	})
}

// The size is right at once after a start, whatever it is measured in.
func TestTheSizeIsRightAfterARestart(t *testing.T) {
	for name, c := range map[string]struct {
		sizer exporterhelper.RequestSizerType
		each  int64
	}{
		"requests": {exporterhelper.RequestSizerTypeRequests, 1},
		"items":    {exporterhelper.RequestSizerTypeItems, itemRecords},
		"bytes":    {exporterhelper.RequestSizerTypeBytes, itemBytes},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, left := backlog(t)
				damageItem(t, m, 25)
				s := openMemory(t, m)
				q := startQueue(t, s, none, queueSettings{sizer: c.sizer})
				assert.Equal(t, int64(len(left)-1)*c.each, q.size())
				q.takesFromNow(all)
				time.Sleep(time.Second)
				assert.Zero(t, q.size())
				q.stop()
				s.close()
			})
		})
	}
}

// damageItem flips a byte of an item wherever it stands, and gives the files.
func damageItem(t *testing.T, m *disktest.Memory, n int) (files []string) {
	t.Helper()
	var head [8]byte
	binary.LittleEndian.PutUint64(head[:], uint64(n))
	for _, name := range m.Names() {
		data := m.Bytes(name)
		if at := strings.Index(string(data), string(bytesOf(n)[:20])); at >= 0 && path.Ext(name) == ".seg" {
			data[at+itemBytes-1] ^= 1
			m.Put(name, data)
			files = append(files, name)
		}
	}
	require.NotEmpty(t, files)
	return files
}

// A damaged item is put aside, and all others are delivered, whether the start
// finds it or the queue.
func TestADamagedItemIsPutAside(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %t", running), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, left := backlog(t)
				if !running {
					damageItem(t, m, 25)
				}
				s := openMemory(t, m)
				q := startQueue(t, s, none, queueSettings{})
				if running {
					damageItem(t, m, 25)
				}
				q.takesFromNow(all)
				time.Sleep(time.Second)
				assert.Equal(t, slices.DeleteFunc(left, func(n int) bool { return n == 25 }), q.delivered())
				assert.Zero(t, q.size())
				reports := s.logs.FilterMessageSnippet("stored bytes are damaged; they are not delivered, a copy is in quarantine").All()
				require.Len(t, reports, 1)
				copied := m.Bytes("quarantine/" + path.Base(reports[0].ContextMap()["copy"].(string)))
				assert.Contains(t, string(copied), string(bytesOf(25)[:itemBytes-1]))
				q.stop()
				s.close()
				assertEmpty(t, m)
			})
		})
	}
}

// Two queues on one store do not see one another.
func TestQueuesShareAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openMemory(t, disktest.New())
		want := map[string][]int{"rig/a": numbers(0, 40), "rig/b": numbers(100, 140)}
		queues := map[string]*realQueue{}
		for id, items := range want {
			queues[id] = startQueue(t, s, none, queueSettings{id: component.MustNewIDWithName("rig", id[4:])})
			queues[id].offerAll(items[0], items[0]+40)
		}
		for id, q := range queues {
			q.takesFromNow(all)
			time.Sleep(time.Second)
			assert.Equal(t, want[id], q.delivered())
		}
		assert.Len(t, slices.Collect(maps.Keys(queues)), 2)
		for _, q := range queues {
			q.stop()
		}
		s.close()
	})
}
