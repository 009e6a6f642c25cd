package deadletter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

// weight is what an entry of the rig's takes on disk.
func weight(t *testing.T) int64 {
	t.Helper()
	r := newRig(t, t.TempDir())
	require.NoError(t, r.Park(batch(1), Rejected, refusal))
	return bytesOnDisk(t, r.dir)
}

func TestFullAndHold(t *testing.T) {
	most := 2*weight(t) + 50
	r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxBytes = most })
	for n := range 2 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	err := r.Park(batch(2), Rejected, refusal)
	f := delivery.AsFailure(err)
	assert.Equal(t, delivery.ThisBatch, f.Fault, "the signal is held, the others flow on")
	for _, words := range []string{"full", "the batch stays in the queue", "replay, export or purge some", "raise dead_letter::max_bytes"} {
		assert.ErrorContains(t, err, words)
	}
	assert.Len(t, r.failed, 1)
	assert.Empty(t, r.told())
	require.Error(t, r.ParkDamaged(&delivery.Damage{Raw: []byte(strings.Repeat("x", 500)), Err: errors.New("x")}), "the limit is for all")
	require.NoError(t, r.Park(batch(1), Rejected, refusal), "parked again it takes no more than before")
	assert.Equal(t, []string{nameNo(0), nameNo(1)}, r.Names(Filter{}))
	r.consistent(t)

	next := r.again(t)
	require.Error(t, next.Park(batch(2), Rejected, refusal), "a restart makes no room")
	require.NoError(t, next.Delete(nameNo(0)))
	require.NoError(t, next.Park(batch(2), Rejected, refusal))
	require.NoError(t, next.Delete(nameNo(0)), "it is gone, which is what was wanted")
	next.consistent(t)
}

func TestFullAndTheOldestGo(t *testing.T) {
	one := weight(t)
	r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxBytes, s.DropOldest = 5*one+50, true })
	for n := range 5 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	next := r.again(t) // it knows only their names yet
	long := strings.Repeat("x", int(one-50))
	require.NoError(t, next.Park(batch(9, long), Rejected, refusal))
	assert.Equal(t, []string{nameNo(2), nameNo(3), nameNo(4), nameNo(9)}, next.Names(Filter{}))
	bytes := batch(0).Payload.Bytes()
	assert.Equal(t, []Dropped{{
		Reason: Full, Entries: 2, Records: 2, Bytes: 2 * bytes,
		First: time.Unix(1_700_000_000, 0).UTC(), Last: time.Unix(1_700_000_001, 0).UTC(),
	}}, next.told(), "told once, with how much and from when")
	assert.LessOrEqual(t, bytesOnDisk(t, r.dir), r.settings.MaxBytes)
	next.consistent(t)

	err := next.Park(batch(10, strings.Repeat("x", int(6*one))), Rejected, refusal)
	assert.Equal(t, delivery.ThisBatch, delivery.AsFailure(err).Fault)
	assert.Len(t, next.Names(Filter{}), 4, "nothing goes for what would not fit all the same")
	assert.Len(t, next.told(), 1)
}

// The same batch parked again, larger: it is not dropped for itself.
func TestAnEntryDoesNotMakeRoomForItself(t *testing.T) {
	one := weight(t)
	r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxBytes, s.DropOldest = 2*one+50, true })
	for n := range 2 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	require.NoError(t, r.Park(batch(0, strings.Repeat("x", int(one-100))), Rejected, refusal))
	assert.Equal(t, []string{nameNo(0)}, r.Names(Filter{}))
	require.Len(t, r.told(), 1)
	assert.Equal(t, time.Unix(1_700_000_001, 0).UTC(), r.told()[0].First)
	r.consistent(t)
}

// Where the oldest cannot be removed nothing is parked, and what was removed is told all the same.
func TestTheOldestCannotGo(t *testing.T) {
	one := weight(t)
	r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxBytes, s.DropOldest = 3*one+50, true })
	for n := range 3 {
		require.NoError(t, r.Park(batch(n), Rejected, refusal))
	}
	stuck := filepath.Join(r.dir, "shore", "logs", nameNo(0)+".jsonl")
	require.NoError(t, os.Remove(stuck))
	require.NoError(t, os.MkdirAll(filepath.Join(stuck, "in the way"), 0o700))
	err := r.Park(batch(3, strings.Repeat("x", int(one))), Rejected, refusal)
	assert.Equal(t, delivery.Path, delivery.AsFailure(err).Fault)
	assert.ErrorContains(t, err, "cannot remove a dead letter")
	require.Len(t, r.told(), 1)
	assert.Equal(t, 1, r.told()[0].Entries)
	assert.Equal(t, []string{nameNo(0), nameNo(2)}, r.Names(Filter{}))
}

// However many park and remove at once, the limit holds at every moment.
func TestTheLimitHoldsInACrowd(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprint("drop_oldest ", drop), func(t *testing.T) {
			most := 10 * weight(t)
			r := newRig(t, t.TempDir(), func(s *Settings) {
				s.MaxBytes, s.DropOldest = most, drop
			})
			r.settings.OnParked = func(Entry, string) { // between two entries
				assert.LessOrEqual(t, bytesOnDisk(t, r.dir), most)
				assert.LessOrEqual(t, r.index.total(""), most)
			}
			var crowd sync.WaitGroup
			for who := range 4 {
				crowd.Go(func() {
					for i := range 20 {
						n := who*20 + i
						err := r.Park(batch(n%50), Rejected, refusal) // some of them twice at once
						if err != nil && drop {
							assert.NoError(t, err)
						}
						if i%5 == 4 {
							assert.NoError(t, r.Delete(nameNo((n-3)%50)))
						}
					}
				})
			}
			crowd.Go(func() {
				for range 20 {
					_, _, _ = r.List(Filter{}, "", 5)
					assert.NoError(t, r.look())
					r.sweep()
				}
			})
			crowd.Wait()
			r.consistent(t)
		})
	}
}

func TestWhatIsTooOldGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxAge = time.Hour })
		require.NoError(t, r.Park(batch(0), Rejected, refusal))
		time.Sleep(40 * time.Minute)
		require.NoError(t, r.Park(batch(1, "one", "two"), Rejected, refusal))
		next := r.again(t)
		done, stop := tended(t, next)
		time.Sleep(19 * time.Minute)
		synctest.Wait()
		assert.Len(t, next.Names(Filter{}), 2, "59 minutes are not too old")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{nameNo(1)}, next.Names(Filter{}))
		at := time.Unix(1_700_000_000, 0).UTC()
		assert.Equal(t, []Dropped{{Reason: TooOld, Entries: 1, Records: 1, Bytes: batch(0).Payload.Bytes(), First: at, Last: at}}, next.told())
		next.consistent(t)
		stop()
		<-done
		time.Sleep(2 * time.Hour)
		assert.Len(t, next.Names(Filter{}), 1, "nobody tends it any more")
	})
}

func TestWithoutAnAgeNothingIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir())
		require.NoError(t, r.Park(batch(0), Rejected, refusal))
		done, stop := tended(t, r)
		time.Sleep(30 * time.Hour)
		synctest.Wait()
		assert.Len(t, r.Names(Filter{}), 1)
		stop()
		<-done
	})
}

// Two that are damaged at one moment are two; the same one twice is one.
func TestDamagedBytesOfOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still
		r := newRig(t, t.TempDir())
		for _, raw := range []string{"one", "two", "two"} {
			require.NoError(t, r.ParkDamaged(&delivery.Damage{Signal: delivery.Logs, Raw: []byte(raw), Err: errors.New("checksum")}))
		}
		assert.Len(t, r.Names(Filter{}), 2)
		r.consistent(t)
	})
}

// Of an entry of which only one file can be written nothing stays.
func TestAnEntryIsWholeOrNotThere(t *testing.T) {
	r := newRig(t, t.TempDir())
	base := filepath.Join(r.dir, "shore", "logs", nameNo(0))
	for _, ext := range []string{".json", ".jsonl"} {
		require.NoError(t, os.MkdirAll(filepath.Join(base+ext, "in the way"), 0o700))
		require.Error(t, r.Park(batch(0), Rejected, refusal))
		require.NoError(t, os.RemoveAll(base+ext))
		assert.Zero(t, bytesOnDisk(t, r.dir), ext)
	}
	require.NoError(t, r.Park(batch(0), Rejected, refusal))
	require.NoError(t, os.Remove(base+".json"))
	require.NoError(t, os.MkdirAll(filepath.Join(base+".json", "in the way"), 0o700))
	require.Error(t, r.Park(batch(0), Rejected, refusal))
	assert.FileExists(t, base+".jsonl", "that of the entry before stays")
}
