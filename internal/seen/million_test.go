package seen

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// A million keys of 24 hours, in the chunks that come of it when every key came alone.
const (
	million    = 1_000_000
	mostMemory = 40 << 20
	mostLookup = 2 * time.Microsecond
	mostOpen   = time.Second
	mostExpiry = 50 * time.Millisecond
)

// writeMillion fills a storage. Only key 0 to 999 are of [some].
func writeMillion(t testing.TB, c storage.Client) {
	t.Helper()
	keys := append(some(0, 1000), made(1000, million)...)
	const each = fanIn * fanIn
	h := head{generation: 1, clock: 24 * time.Hour, tail: 1000, reserved: 1000 + reserveStep}
	for number := uint64(0); len(keys) > 0; number++ {
		n := min(each, len(keys))
		clock := time.Duration(24*(million-len(keys))/million) * time.Hour
		op := storage.SetOperation("seen/test/c/"+strconv.FormatUint(number, 10), encodeChunk(maxLevel, []run{{clock, n}}, keys[:n]))
		require.NoError(t, c.Batch(t.Context(), op))
		h.listed = append(h.listed, number)
		keys = keys[n:]
	}
	require.NoError(t, c.Set(t.Context(), "seen/test/head/1", h.encode()))
}

func TestAMillionKeysInMemory(t *testing.T) {
	disk := newMemory()
	writeMillion(t, disk)
	before := heap()
	s := open(t, disk)
	used := heap() - before
	t.Logf("%.1f MiB", float64(used)/(1<<20))
	assert.Less(t, used, uint64(mostMemory))
	assert.Equal(t, million, s.Stats().Keys)
	runtime.KeepAlive(s)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHas: an op is many lookups, half of them in vain, so that a single op says what one takes.
func BenchmarkHas(b *testing.B) {
	const pairs = 200_000
	disk := newMemory()
	writeMillion(b, disk)
	s := open(b, disk)
	there, not := made(1000, million), made(million, 2*million)
	b.ResetTimer()
	for b.Loop() {
		for i := range pairs {
			if !s.Has(there[i]) || s.Has(not[i]) {
				b.Fatal("wrong")
			}
		}
	}
	each := b.Elapsed() / time.Duration(2*pairs*b.N)
	b.ReportMetric(float64(each.Nanoseconds()), "ns/lookup")
	within(b, "a lookup", each, mostLookup)
}

func BenchmarkOpen(b *testing.B) {
	for name, factory := range storages {
		b.Run(name, func(b *testing.B) {
			c, closed := client(b, factory, b.TempDir())
			defer closed()
			writeMillion(b, c)
			var took time.Duration
			for b.Loop() {
				begin := time.Now()
				s := open(b, c)
				took = time.Since(begin)
				require.Equal(b, million, s.Stats().Keys)
				shut(b, s)
			}
			within(b, "opening", took, mostOpen)
		})
	}
}

func BenchmarkExpireAnHour(b *testing.B) {
	for name, factory := range storages {
		b.Run(name, func(b *testing.B) {
			var total time.Duration
			for range b.N {
				c, closed := client(b, factory, b.TempDir())
				writeMillion(b, c)
				s := open(b, c)
				before := s.Stats().Keys
				later(s, time.Hour)
				begin := time.Now()
				s.expire()
				s.sweep()
				total += time.Since(begin)
				require.InDelta(b, million/24, before-s.Stats().Keys, 2*fanIn*fanIn)
				shut(b, s)
				closed()
			}
			b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms/expiry")
			b.ReportMetric(0, "ns/op")
			within(b, "expiry", total/time.Duration(b.N), mostExpiry)
		})
	}
}

// BenchmarkAdd: an op is one key, 64 callers at a time.
func BenchmarkAdd(b *testing.B) {
	for name, factory := range storages {
		b.Run(name, func(b *testing.B) {
			c, closed := client(b, factory, b.TempDir())
			defer closed()
			s := open(b, c)
			keys := made(0, million)
			next := make(chan int, 64)
			done := make(chan error, 64)
			for range 64 {
				go func() {
					var err error
					for i := range next {
						err = s.Add(context.Background(), keys[i%million])
					}
					done <- err
				}()
			}
			for i := 0; b.Loop(); i++ {
				next <- i
			}
			close(next)
			for range 64 {
				require.NoError(b, <-done)
			}
			shut(b, s)
		})
	}
}

func within(b *testing.B, what string, took, most time.Duration) {
	b.Helper()
	if took > most {
		b.Errorf("%s took %s, more than %s", what, took, most)
	}
}

// made are keys that need no SHA-256.
func made(first, end int) []Key {
	keys := make([]Key, 0, end-first)
	for i := first; i < end; i++ {
		x := uint64(i) * 0x9e3779b97f4a7c15
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		var k Key
		for j := range 8 {
			k[j], k[8+j] = byte(x>>(8*j)), byte(i>>(8*j))
		}
		keys = append(keys, k)
	}
	return keys
}
