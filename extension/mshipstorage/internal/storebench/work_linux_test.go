package storebench

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// workCycle sends items through a queue that keeps up.
func workCycle(j job) (r result, err error) {
	s, err := openStorage(j)
	if err != nil {
		return r, err
	}
	q, err := startQueue(s, j, true)
	if err != nil {
		return r, err
	}
	before, err := written(j.Dir)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if r.Payload, err = q.fill(j.Items); err != nil {
		return r, err
	}
	<-q.arrived
	if err = q.Shutdown(context.Background()); err != nil { // it waits for the last completion
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	if err = s.Shutdown(context.Background()); err != nil {
		return r, err
	}
	after, err := written(j.Dir)
	r.Written = after - before
	return r, err
}

// workFill leaves a backlog.
func workFill(j job) (r result, err error) {
	s, err := openStorage(j)
	if err != nil {
		return r, err
	}
	q, err := startQueue(s, j, false)
	if err != nil {
		return r, err
	}
	before, err := allocated(j.Dir)
	if err != nil {
		return r, err
	}
	if r.Payload, err = q.fill(j.Items); err != nil || j.Killed {
		return r, err
	}
	if err = q.Shutdown(context.Background()); err != nil {
		return r, err
	}
	if err = s.Shutdown(context.Background()); err != nil {
		return r, err
	}
	after, err := allocated(j.Dir)
	r.Disk = after - before
	return r, err
}

// emptyWithin is how long the disk has to become empty.
const emptyWithin = 5 * time.Second

// workDrain opens a backlog and delivers it.
func workDrain(j job) (r result, err error) {
	begun := time.Now()
	s, err := openStorage(j)
	if err != nil {
		return r, err
	}
	q, err := startQueue(s, j, true)
	if err != nil {
		return r, err
	}
	<-q.arrived
	if err = q.Shutdown(context.Background()); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	if r.Anon, err = status("RssAnon"); err != nil {
		return r, err
	}
	if r.Peak, err = status("VmHWM"); err != nil {
		return r, err
	}
	r.Emptied, r.Disk, err = watchDisk(j.Dir)
	return r, err
}

// watchDisk tells after how many seconds the disk was empty, all of them if it
// never was, and what is on it in the end.
func watchDisk(dir string) (emptied float64, disk int64, err error) {
	begun := time.Now()
	for time.Since(begun) < emptyWithin {
		if disk, err = allocated(dir); err != nil {
			return 0, 0, err
		}
		if disk >= 3*segment {
			emptied = time.Since(begun).Seconds()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return emptied, disk, nil
}

// workOpen opens a backlog until its first item has arrived. Memory is what it costs beyond what the process had.
func workOpen(j job) (r result, err error) {
	heap := heapInUse()
	debug.FreeOSMemory()
	if err = resetPeak(); err != nil {
		return r, err
	}
	before, err := status("VmRSS")
	if err != nil {
		return r, err
	}
	begun := time.Now()
	s, err := openStorage(j)
	if err != nil {
		return r, err
	}
	q, err := startQueue(s, j, false)
	if err != nil {
		return r, err
	}
	<-q.arrived
	r.Seconds = time.Since(begun).Seconds()
	peak, err := status("VmHWM")
	r.Peak, r.Heap = peak-before, heapInUse()-heap
	runtime.KeepAlive(s)
	return r, err
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
