package storebench

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// metrics by their unit.
type metrics map[string]float64

func (m metrics) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // it has the start of the process in it
	for _, unit := range slices.Sorted(maps.Keys(m)) {
		b.ReportMetric(m[unit], unit)
	}
}

// sideBySide measures both stores. Ours reports its ratios, "x-" and the unit.
// Both are nil where -bench leaves one out: then nothing is promised.
func sideBySide(b *testing.B, measure func(b *testing.B, store string) metrics) (ours, theirs metrics) {
	b.Helper()
	b.Run("store="+fileStorage, func(b *testing.B) {
		theirs = measure(b, fileStorage)
		theirs.report(b)
	})
	b.Run("store="+mshipStorage, func(b *testing.B) {
		ours = measure(b, mshipStorage)
		all := maps.Clone(ours)
		for unit, n := range theirs {
			if n != 0 {
				all["x-"+unit] = ours[unit] / n
			}
		}
		all.report(b)
	})
	if ours == nil || theirs == nil {
		return nil, nil
	}
	return ours, theirs
}

// BenchmarkCycle is a queue that keeps up: an op is one batch enqueued,
// dispatched and completed.
func BenchmarkCycle(b *testing.B) {
	for _, size := range []int{4 * kib, 64 * kib, 512 * kib} {
		for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
			b.Run(fmt.Sprintf("size=%dKiB/flush=+%dms", size/kib, delay.Milliseconds()), func(b *testing.B) {
				ours, theirs := sideBySide(b, func(b *testing.B, store string) metrics {
					b.Helper()
					return cycle(b, size, delay, store)
				})
				if ours != nil {
					promiseCycle(b, size, delay, ours, theirs)
				}
			})
		}
	}
}

const (
	rate    = "cycles/s"
	flushes = "flushes/op"
	device  = "written/payload"
)

func cycle(b *testing.B, size int, delay time.Duration, store string) metrics {
	b.Helper()
	r := runTraced(b, delay, job{Work: "cycle", Store: store, Dir: b.TempDir(), Items: b.N, Size: size})
	return metrics{
		rate:    float64(b.N) / r.Seconds,
		flushes: float64(r.Flushes) / float64(b.N),
		device:  float64(r.Written) / float64(r.Payload),
	}
}

// promiseCycle: one flush for each batch, and four more for each segment, which
// count where few batches fill it.
func promiseCycle(b *testing.B, size int, delay time.Duration, ours, theirs metrics) {
	b.Helper()
	at := fmt.Sprintf("%d KiB, flushes +%d ms", size/kib, delay.Milliseconds())
	atMost(b, "flushes per cycle, "+at, ours[flushes], theirs[flushes], ours[flushes], 1.03+4*float64(size)/segment)
	if delay > 0 {
		atLeast(b, "cycles per second, "+at, ours[rate], theirs[rate], ours[rate]/theirs[rate], 5)
	}
	if size == 64*kib {
		atMost(b, "bytes written per byte of payload, "+at, ours[device], theirs[device], ours[device], 1.4)
	}
}

// BenchmarkDrain delivers a backlog of 1 GiB that an earlier process left.
func BenchmarkDrain(b *testing.B) {
	const items, size = gib / (64 * kib), 64 * kib
	ours, theirs := sideBySide(b, func(b *testing.B, store string) metrics {
		b.Helper()
		var r result
		for range b.N {
			dir := b.TempDir()
			run(b, job{Work: "fill", Store: store, Dir: dir, Items: items, Size: size})
			r = run(b, job{Work: "drain", Store: store, Dir: dir, Items: items})
		}
		return metrics{
			"MB/s":         float64(items*size) / 1e6 / r.Seconds,
			"peak-RSS-MiB": float64(r.Peak) / mib,
			"anon-RSS-MiB": float64(r.Anon) / mib,
			"left-MiB":     float64(r.Disk) / mib,
			"emptied-s":    r.Emptied,
		}
	})
	if ours == nil {
		return
	}
	atLeast(b, "MB/s of a drain", ours["MB/s"], theirs["MB/s"], ours["MB/s"]/theirs["MB/s"], 5)
	atMost(b, "MiB of memory in a drain", ours["peak-RSS-MiB"], theirs["peak-RSS-MiB"], ours["peak-RSS-MiB"]/theirs["peak-RSS-MiB"], 0.1)
	atMost(b, "MiB on disk 5 s after a drain", ours["left-MiB"], theirs["left-MiB"], ours["left-MiB"], 3*segment/mib)
}

// BenchmarkSyslog keeps batches of syslog, to be compressed.
func BenchmarkSyslog(b *testing.B) {
	const records = 40_000
	for _, batch := range []int{100, 10} {
		share := map[int]float64{100: 1. / 5, 10: 1. / 3}[batch]
		b.Run(fmt.Sprintf("records=%d", batch), func(b *testing.B) {
			ours, theirs := sideBySide(b, func(b *testing.B, store string) metrics {
				b.Helper()
				var r result
				for range b.N {
					r = run(b, job{Work: "fill", Store: store, Dir: b.TempDir(), Items: records / batch, Records: batch, Lazy: true})
				}
				return metrics{"disk/payload": float64(r.Disk) / float64(r.Payload), "B/record": float64(r.Payload) / records}
			})
			if ours != nil {
				const disk = "disk/payload"
				atMost(b, fmt.Sprintf("bytes on disk per byte of payload, %d records of syslog", batch), ours[disk], theirs[disk], ours[disk], share)
			}
		})
	}
}

// BenchmarkOpen opens a backlog of 5 GiB whose process was killed. The page
// cache is as the kernel left it.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{64 * kib, 4 * kib} {
		b.Run(fmt.Sprintf("size=%dKiB/store=%s", size/kib, mshipStorage), func(b *testing.B) {
			dir := b.TempDir()
			run(b, job{Work: "fill", Store: mshipStorage, Dir: dir, Items: 5 * gib / size, Size: size, Lazy: true, Killed: true})
			var r result
			for range b.N {
				r = run(b, job{Work: "open", Store: mshipStorage, Dir: dir})
			}
			metrics{
				"s": r.Seconds, "peak-RSS-MiB": float64(r.Peak) / mib, "heap-MiB": float64(r.Heap) / mib,
			}.report(b)
			at := fmt.Sprintf("to open 5 GiB of %d KiB", size/kib)
			atMost(b, "seconds "+at, r.Seconds, 0, r.Seconds, 2)
			atMost(b, "MiB of memory "+at, float64(r.Peak)/mib, 0, float64(r.Peak)/mib, 100)
		})
	}
}
