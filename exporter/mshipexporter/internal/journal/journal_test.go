package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

var errDisk = errors.New("input/output error")

// desk is a journal, and the queue behind it: a parcel is stored under its first word.
type desk struct {
	*Journal
	t      *testing.T
	disk   *storagetest.Storage
	client storage.Client

	mu      sync.Mutex
	parcels []string
	damaged int
	refuse  error
	records int64
	bytes   int64
}

// newDesk opens a journal whose requests are as large as they have bytes. disk is nil for one in memory.
func newDesk(t *testing.T, disk *storagetest.Storage, adjust ...func(*Settings)) *desk {
	t.Helper()
	d := &desk{t: t, disk: disk}
	s := Settings{
		Size:    func(p Piece) int64 { return int64(p.Bytes) },
		MinSize: 10, MaxSize: 15, Timeout: time.Second,
		Encode: encode, Decode: decode, Seal: d.seal, Weigh: d.weigh, Logger: zap.NewNop(),
	}
	for _, f := range adjust {
		f(&s)
	}
	d.Journal = New(s)
	if disk != nil {
		var err error
		d.client, err = disk.GetClient(t.Context(), component.KindExporter, storagetest.ID, "logs")
		require.NoError(t, err)
	}
	require.NoError(t, d.Open(t.Context(), d.client))
	return d
}

func decode(stored []byte) Piece {
	if stored[0] != '+' {
		return Piece{Damage: &delivery.Damage{Raw: stored, Err: errors.New("wrong checksum")}}
	}
	return Piece{Body: stored[1:], Bytes: len(stored) - 1, Records: 1}
}

func encode(group []Piece) (p Piece, stored []byte, err error) {
	for _, g := range group {
		p.Body = append(p.Body, g.OTLP...)
		p.Bytes += g.Bytes
		p.Records += g.Records
		p.Payloads = append(p.Payloads, g.Payloads...)
	}
	return p, append([]byte("+"), p.Body...), nil
}

// piece is a small request.
func piece(text string) Piece {
	return Piece{OTLP: []byte(text), Bytes: len(text), Records: min(len(text), 1)}
}

func joined(pieces []Piece) (p Piece) {
	p.Damage = pieces[0].Damage
	for _, more := range pieces {
		p.Body = append(p.Body, more.Body...)
		p.Payloads = append(p.Payloads, more.Payloads...)
	}
	return p
}

func (d *desk) seal(ctx context.Context, pieces []Piece, riders []*storage.Operation) error {
	p := joined(pieces)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		return d.refuse
	}
	if d.client != nil {
		first, _, _ := strings.Cut(string(p.Body), " ")
		riders = append(riders, storage.SetOperation("parcel "+first, p.Body))
		if err := d.client.Batch(ctx, riders...); err != nil {
			return err
		}
	}
	if p.Damage != nil {
		d.damaged++
		return nil
	}
	d.parcels = append(d.parcels, string(p.Body))
	return nil
}

func (d *desk) weigh(records, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records += records
	d.bytes += bytes
}

func (d *desk) add(text string, riders ...*storage.Operation) error {
	return d.Add(context.Background(), piece(text), riders)
}

func (d *desk) sealed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.parcels)
}

func (d *desk) close() {
	d.Close(context.Background())
	if d.client != nil {
		assert.NoError(d.t, d.client.Close(context.Background()))
	}
}

// stored tells whether the storage has the entry.
func (d *desk) stored(n uint64) bool {
	value, err := d.client.Get(context.Background(), entryKey(n))
	require.NoError(d.t, err)
	return value != nil
}

func TestAParcelIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		requests []string
		at       time.Duration
		want     []string
	}{
		"at min_size":              {[]string{"aaaa", "bbbb", "cccc"}, 0, []string{"aaaabbbbcccc"}},
		"at flush_timeout":         {[]string{"aaaa", "bb"}, time.Second, []string{"aaaabb"}},
		"not before":               {[]string{"aaaa", "bb"}, time.Second - 1, nil},
		"up to max_size":           {[]string{"aaaaaaaa", "bbbbbbbb"}, 0, []string{"aaaaaaaa"}},
		"each in its turn":         {[]string{"aaaaaaaa", "bbbbbbbb", "cc", "dddddddd"}, time.Second, []string{"aaaaaaaa", "bbbbbbbbcc", "dddddddd"}},
		"also of empty requests":   {[]string{"", "aa", "", "bb"}, 3 * time.Second, []string{"aabb"}},
		"with nothing but nothing": {[]string{"", ""}, 3 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, disk := range []*storagetest.Storage{storagetest.New(), nil} {
				synctest.Test(t, func(t *testing.T) {
					d := newDesk(t, disk)
					defer d.close()
					for _, r := range c.requests {
						require.NoError(t, d.Add(t.Context(), piece(r), nil))
					}
					time.Sleep(c.at)
					synctest.Wait()
					assert.Equal(t, strings.Join(c.want, ","), strings.Join(d.sealed(), ","))
				})
			}
		})
	}
}

func TestWhoIsSmall(t *testing.T) {
	j := New(Settings{MinSize: 10, Size: func(p Piece) int64 { return int64(p.Bytes) }})
	assert.True(t, j.Fits(Piece{Bytes: 9}))
	assert.False(t, j.Fits(Piece{Bytes: 10}))
	assert.False(t, New(Settings{Size: func(Piece) int64 { return 0 }}).Fits(Piece{}), "without batch everything goes straight in")
}

// slow makes each write of entries take 2 ms, and counts them. It sleeps where nobody holds a lock.
func slow(writes *int) func(*Settings) {
	return func(s *Settings) {
		encode := s.Encode
		s.Encode = func(p []Piece) (Piece, []byte, error) {
			*writes++
			time.Sleep(2 * time.Millisecond)
			return encode(p)
		}
	}
}

// Those who come together share a write, and each is answered after it.
func TestManyShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		d := newDesk(t, storagetest.New(), slow(&writes), func(s *Settings) { s.MinSize, s.MaxSize = 1000, 1000 })
		var wg sync.WaitGroup
		for client := range 16 {
			wg.Go(func() {
				for n := range 10 {
					begin := time.Now()
					assert.NoError(t, d.add(fmt.Sprintf("%02d-%d ", client, n)))
					assert.LessOrEqual(t, time.Since(begin), 4*time.Millisecond, "a write that has begun, and one's own")
					assert.GreaterOrEqual(t, time.Since(begin), 2*time.Millisecond)
				}
			})
		}
		wg.Wait()
		t.Logf("%d writes for 160 requests of 16 clients", writes)
		assert.LessOrEqual(t, writes, 21)
		time.Sleep(2 * time.Second)
		all := strings.Join(d.sealed(), "")
		assert.Len(t, strings.Fields(all), 160)
		for client := range 16 {
			last := -1
			for n := range 10 {
				at := strings.Index(all, fmt.Sprintf("%02d-%d ", client, n))
				assert.Greater(t, at, last, "in the order of their coming")
				last = at
			}
		}
		d.close()
	})
}

// On a busy machine the disk is not what clients wait for: they wait for a processor.
func TestWhoIsReadySharesAWrite(t *testing.T) { //nolint:paralleltest // it has one processor
	const clients = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, storagetest.New(), func(s *Settings) { s.MinSize, s.MaxSize = 1<<20, 1<<20 })
		var all sync.WaitGroup
		for range clients {
			all.Go(func() { assert.NoError(t, d.add("x")) })
		}
		all.Wait()
		d.mu.Lock()
		entries := len(d.entries)
		d.mu.Unlock()
		assert.Less(t, entries, clients/50)
		d.close()
	})
}

// Whoever came first is answered after its own write, however many keep coming.
func TestTheFirstIsNotHeldUpByThoseWhoKeepComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		d := newDesk(t, storagetest.New(), slow(&writes))
		var wg sync.WaitGroup
		for client := range 3 {
			time.Sleep(time.Duration(client) * time.Millisecond)
			wg.Go(func() {
				for range 50 {
					begin := time.Now()
					assert.NoError(t, d.add("x"))
					assert.LessOrEqual(t, time.Since(begin), 4*time.Millisecond)
					time.Sleep(time.Millisecond) // so that there is always one who comes while another is written
				}
			})
		}
		wg.Wait()
		d.close()
	})
}

// While nothing goes out anyway, small requests go on waiting for others; the
// rest can end before the time that was said.
func TestWhileNothingGoesOutWhatIsSmallWaitsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var until atomic.Pointer[time.Time]
		rest := func(d time.Duration) {
			end := time.Now().Add(d)
			until.Store(&end)
		}
		rest(time.Hour)
		d := newDesk(t, storagetest.New(), func(s *Settings) { s.Rest = func() time.Duration { return time.Until(*until.Load()) } })
		require.NoError(t, d.add("aaaa"))
		time.Sleep(time.Minute)
		require.NoError(t, d.add("bb"))
		time.Sleep(10 * time.Minute)
		assert.Empty(t, d.sealed())
		require.NoError(t, d.add("cccc"))
		synctest.Wait()
		assert.Equal(t, []string{"aaaabbcccc"}, d.sealed(), "large enough")
		require.NoError(t, d.add("dd"))
		time.Sleep(time.Minute)
		rest(0)
		time.Sleep(restPause)
		synctest.Wait()
		assert.Equal(t, []string{"aaaabbcccc", "dd"}, d.sealed(), "sooner than it was said")
		require.NoError(t, d.add("e"))
		time.Sleep(time.Second - time.Millisecond)
		assert.Len(t, d.sealed(), 2)
		time.Sleep(2 * time.Millisecond)
		assert.Len(t, d.sealed(), 3, "at flush_timeout")
		rest(time.Hour)
		require.NoError(t, d.add("f"))
		d.close()
		assert.Len(t, d.sealed(), 3)
	})
}

// What is acknowledged is on disk, with its riders: a power cut leaves it.
func TestWhatIsAcknowledgedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, storagetest.New())
		require.NoError(t, d.add("aaaa", storage.SetOperation("rider", []byte("a"))))
		require.NoError(t, d.add("bb"))
		after := newDesk(t, d.disk.Copy())
		rider, err := after.client.Get(t.Context(), "rider")
		require.NoError(t, err)
		assert.Equal(t, "a", string(rider))
		assert.Equal(t, int64(2), after.records)
		assert.Equal(t, int64(6), after.bytes)
		require.NoError(t, after.add("cccc"))
		synctest.Wait()
		assert.Equal(t, []string{"aaaabbcccc"}, after.sealed())
		assert.Zero(t, after.records)
		assert.Zero(t, after.bytes)
		after.close()
		d.close()
		assert.Empty(t, d.sealed(), "what is on disk needs no parcel at the end")
	})
}

// Where batch was turned off, or made smaller, what is left goes as it is.
func TestLeftoversGoUnderOtherSettings(t *testing.T) {
	for name, c := range map[string]struct {
		adjust func(*Settings)
		want   []string
	}{
		"off":     {func(s *Settings) { s.MinSize, s.MaxSize, s.Timeout = 0, 0, 0 }, []string{"aaaa", "bbb"}},
		"smaller": {func(s *Settings) { s.MinSize, s.MaxSize = 2, 3 }, []string{"aaaa", "bbb"}},
		"larger":  {func(s *Settings) { s.MinSize, s.MaxSize = 7, 0 }, []string{"aaaabbb"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, storagetest.New())
				require.NoError(t, d.add("aaaa"))
				require.NoError(t, d.add("bbb"))
				d.close()
				d = newDesk(t, d.disk, c.adjust)
				synctest.Wait()
				assert.Equal(t, c.want, d.sealed())
				d.close()
			})
		})
	}
}

func TestAStorageThatFailsRefusesTheWholeGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, writes := storagetest.New(), 0
		d := newDesk(t, disk, slow(&writes))
		disk.Fail(func([]*storage.Operation) error { return errDisk })
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() {
				assert.ErrorIs(t, d.add(fmt.Sprint(n), storage.SetOperation(fmt.Sprint("rider", n), nil)), errDisk)
			})
		}
		wg.Wait()
		disk.Fail(nil)
		assert.Zero(t, d.records)
		require.NoError(t, d.add("ok"))
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{"ok"}, d.sealed())
		d.close()
	})
}

// The queue takes no parcel: all stays, and is tried again, in order.
func TestAParcelThatTheQueueRefusesStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, storagetest.New())
		d.refuse = errors.New("the storage is full")
		for _, r := range []string{"aaaaaa", "bbbbbb", "cccccc", "dddddd"} {
			require.NoError(t, d.add(r))
		}
		time.Sleep(time.Hour)
		assert.Empty(t, d.sealed())
		assert.Equal(t, int64(4), d.records)
		after := newDesk(t, d.disk.Copy())
		synctest.Wait()
		assert.Equal(t, []string{"aaaaaabbbbbb", "ccccccdddddd"}, after.sealed())
		after.close()
		d.mu.Lock()
		d.refuse = nil
		d.mu.Unlock()
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{"aaaaaabbbbbb", "ccccccdddddd"}, d.sealed())
		assert.Zero(t, d.records)
		d.close()
	})
}

// leave fills a storage with three entries, and changes them as damage does.
func leave(t *testing.T, change func(disk *storagetest.Storage, c storage.Client)) *storagetest.Storage {
	t.Helper()
	d := newDesk(t, storagetest.New())
	for _, r := range []string{"aaa", "bbb", "ccc"} {
		require.NoError(t, d.add(r))
	}
	d.Close(t.Context())
	change(d.disk, d.client)
	require.NoError(t, d.client.Close(t.Context()))
	return d.disk
}

type putAside struct{ error }

func (putAside) DamagedBytes() int64 { return 3 }

func TestADamagedEntryStopsNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(t *testing.T, disk *storagetest.Storage, c storage.Client)
		damaged int
		want    []string
	}{
		"wrong bytes are put aside": {func(t *testing.T, _ *storagetest.Storage, c storage.Client) {
			t.Helper()
			require.NoError(t, c.Set(t.Context(), entryKey(1), []byte("?bb")))
		}, 1, []string{"aaa", "ccc"}},
		"one is not there": {func(_ *testing.T, disk *storagetest.Storage, _ storage.Client) { disk.Lose(entryKey(1)) }, 0, []string{"aaaccc"}},
		"the storage put it aside": {func(_ *testing.T, disk *storagetest.Storage, _ storage.Client) {
			disk.Fail(failing(entryKey(1), fmt.Errorf("entry: %w", putAside{errDisk})))
		}, 0, []string{"aaaccc"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := leave(t, func(disk *storagetest.Storage, client storage.Client) { c.change(t, disk, client) })
				d := newDesk(t, disk)
				disk.Fail(nil)
				time.Sleep(2 * time.Second)
				assert.Equal(t, c.want, d.sealed())
				assert.Equal(t, c.damaged, d.damaged)
				assert.False(t, d.stored(1))
				d.close()
				d = newDesk(t, disk)
				time.Sleep(2 * time.Second)
				assert.Empty(t, d.sealed())
				d.close()
			})
		})
	}
}

func failing(key string, err error) func([]*storage.Operation) error {
	return func(ops []*storage.Operation) error {
		if len(ops) == 1 && ops[0].Type == storage.Get && ops[0].Key == key {
			return err
		}
		return nil
	}
}

// What cannot be read now may be read by the next run: it stays, whatever comes after it.
func TestAnEntryThatCannotBeReadStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := leave(t, func(*storagetest.Storage, storage.Client) {})
		for run := range 3 {
			disk.Fail(failing(entryKey(1), errDisk))
			d := newDesk(t, disk)
			disk.Fail(nil)
			require.NoError(t, d.add(fmt.Sprint("new", run)))
			time.Sleep(2 * time.Second)
			assert.NotContains(t, strings.Join(d.sealed(), ""), "bbb")
			assert.True(t, d.stored(1))
			d.close()
		}
		d := newDesk(t, disk)
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{"bbb"}, d.sealed())
		assert.False(t, d.stored(1))
		d.close()
		d = newDesk(t, disk)
		time.Sleep(2 * time.Second)
		assert.Empty(t, d.sealed())
		d.close()
	})
}

func TestAJournalThatCannotBeIsNotRead(t *testing.T) {
	for name, op := range map[string]*storage.Operation{
		"first after next": storage.SetOperation(firstKey, numbers(4)),
		"too many":         storage.SetOperation(nextKey, numbers(lostMax+1)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := leave(t, func(_ *storagetest.Storage, c storage.Client) { require.NoError(t, c.Batch(t.Context(), op)) })
				client, err := disk.GetClient(t.Context(), component.KindExporter, storagetest.ID, "logs")
				require.NoError(t, err)
				j := New(Settings{})
				require.ErrorContains(t, j.Open(t.Context(), client), "move the storage away")
				j.Close(t.Context()) // legal after an Open that failed
				require.NoError(t, client.Close(t.Context()))
			})
		})
	}
}

// At the end everybody who waits has an answer, and nobody comes in any more.
func TestTheEndAnswersAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, writes := storagetest.New(), 0
		d := newDesk(t, disk, slow(&writes))
		var wg sync.WaitGroup
		acked := make(chan string, 100)
		for n := range 100 {
			wg.Go(func() {
				name := fmt.Sprintf("%02d ", n)
				if d.add(name) == nil {
					acked <- name
				}
			})
		}
		time.Sleep(time.Millisecond)
		d.close()
		wg.Wait()
		close(acked)
		require.ErrorIs(t, d.add("late"), errClosed)
		after := newDesk(t, disk)
		time.Sleep(2 * time.Second)
		all := strings.Join(append(d.sealed(), after.sealed()...), "")
		n := 0
		for name := range acked {
			n++
			assert.Equal(t, 1, strings.Count(all, name))
		}
		assert.Equal(t, 100, n)
		assert.Len(t, all, 300)
		after.close()
	})
}

func TestInMemoryTheEndMakesALastParcel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		require.NoError(t, d.add("aa"))
		require.NoError(t, d.add("bb"))
		d.close()
		assert.Equal(t, []string{"aabb"}, d.sealed())
		assert.Zero(t, d.bytes)
	})
}

// The caller goes away; what others gave is written all the same.
func TestTheFirstOnesContextIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes := 0
		d := newDesk(t, storagetest.New(), slow(&writes))
		d.client = &strict{d.client}
		d.Journal.client = d.client
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, d.Add(ctx, Piece{OTLP: []byte("a"), Records: 1}, nil)) })
		synctest.Wait()
		for range 3 {
			wg.Go(func() { assert.NoError(t, d.add("b")) })
		}
		wg.Wait()
		d.close()
	})
}

// strict is a client that does nothing for a context that is done.
type strict struct{ storage.Client }

func (s *strict) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Client.Batch(ctx, ops...)
}

var errCut = errors.New("the power is cut")

// TestAPowerCutAtEveryWrite cuts the power at each write to the storage, and
// the run after it again. Clients keep what is not acknowledged.
func TestAPowerCutAtEveryWrite(t *testing.T) {
	cuts := 0
	for first := 0; ; first++ {
		disk, acked, whole := work(t, storagetest.New(), first, "a")
		for second := 0; ; second++ {
			cuts++
			after, more, drained := work(t, disk.Copy(), second, "b")
			last, _, _ := work(t, after.Copy(), 1<<30, "")
			all := parcelsOf(t, last)
			for _, r := range append(slices.Clone(acked), more...) {
				require.Equal(t, 1, strings.Count(all, r), "%s, cuts at writes %d and %d: %s", r, first, second, all)
			}
			for _, r := range strings.Fields(all) {
				require.Equal(t, 1, strings.Count(all, r), "%s is in two parcels, cuts at writes %d and %d", r, first, second)
			}
			if drained {
				break
			}
		}
		if whole {
			t.Logf("%d pairs of cuts", cuts)
			return
		}
	}
}

// work adds requests until the power is cut after so many writes.
func work(t *testing.T, disk *storagetest.Storage, writes int, run string) (after *storagetest.Storage, acked []string, whole bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		left := writes
		disk.Fail(func(ops []*storage.Operation) error {
			if !slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type != storage.Get }) {
				return nil
			}
			if left--; left < 0 {
				return errCut
			}
			return nil
		})
		d := newDesk(t, disk)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for n := range 8 {
			if run == "" {
				break
			}
			wg.Go(func() {
				name := fmt.Sprintf("%s%d", run, n)
				if d.add(name+" ") == nil {
					mu.Lock()
					defer mu.Unlock()
					acked = append(acked, name)
				}
			})
			if n%3 == 2 {
				wg.Wait()
			}
		}
		wg.Wait()
		time.Sleep(3 * time.Second)
		d.close()
		after, whole = disk.Copy(), left >= 0
	})
	return after, acked, whole
}

// parcelsOf are the parcels on a disk, one behind the other.
func parcelsOf(t *testing.T, disk *storagetest.Storage) string {
	t.Helper()
	client, err := disk.GetClient(t.Context(), component.KindExporter, storagetest.ID, "logs")
	require.NoError(t, err)
	var all strings.Builder
	for _, run := range []string{"a", "b"} {
		for n := range 8 {
			value, err := client.Get(t.Context(), fmt.Sprintf("parcel %s%d", run, n))
			require.NoError(t, err)
			all.Write(value)
		}
	}
	return all.String()
}
