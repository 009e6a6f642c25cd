package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/record"
)

// The numbers of segments are never used twice: a file that is written over
// holds records of its old number, and quarantine names what it has by them.
func TestNoNumberIsUsedTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		mem := disktest.New()
		mem.Put("quarantine/0000000017-0000000032-5.raw", []byte("bytes"))
		var begun []string
		for range 4 {
			mem.OnChange(func(c disktest.Change) error {
				if name := c.Name + c.To; c.Kind == disktest.Write && c.Offset == 0 && c.Length > 32 && strings.HasSuffix(name, ".seg") {
					begun = append(begun, name)
				}
				return nil
			})
			g := newRig(mem, 1)
			require.NoError(t, g.open())
			for range 3 {
				require.NoError(t, g.plain.Set(background, "k", make([]byte, rigSegment)))
			}
			require.NoError(t, g.plain.Delete(background, "k"))
			idle(2 * rigInterval)
			require.NoError(t, g.close())
		}
		assert.IsIncreasing(t, begun)
		assert.Equal(t, "0000000018.seg", begun[0])
		assert.GreaterOrEqual(t, len(begun), 8)
	})
}

// A file that cannot be opened for a moment costs no batch: the queue deletes what it could not read.
func TestAFileThatCannotBeOpenedForAMoment(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		g.settings.SegmentBytes, g.settings.MaxBytes = 512, 1<<20
		require.NoError(t, g.open())
		for range 100 { // so many that not all files stay open
			require.NoError(t, g.enqueue())
		}
		require.NoError(t, g.close())
		require.NoError(t, g.open())
		require.NoError(t, g.mem.Rename("0000000001.seg", "away"))
		g.dispatch()
		assert.Len(t, g.problems, 1)
		require.NoError(t, g.mem.Rename("away", "0000000001.seg"))
		got, err := g.queue.Get(background, "0")
		require.NoError(t, err)
		assert.Equal(t, batchContent(0), got)
		require.NoError(t, g.close())
	})
}

// After a flush that failed nothing is read from where it was, however often the mending fails.
func TestWhatIsMendedIsReadWhereItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		g.settings.FlushEachItem = false
		require.NoError(t, g.open())
		require.NoError(t, g.plain.Set(background, "flushed", []byte("before")))
		idle(2 * rigInterval)
		keys := []string{"a", "b", "c"}
		for i, key := range keys {
			require.NoError(t, g.plain.Set(background, key, content("value|", 600+i)))
		}
		writes := 0
		g.mem.OnChange(func(c disktest.Change) error {
			switch {
			case c.Kind == disktest.Sync && c.Name == "0000000001.seg":
				return c.Lost(errSync)
			case c.Kind == disktest.Write && c.Name == "0000000002.seg" && c.Length > 500:
				if writes++; writes == 2 {
					return errSync
				}
			}
			return nil
		})
		idle(3 * rigInterval)
		g.mem.OnChange(nil)
		g.mem.OnRead(func(name string, _, _ int64) error {
			assert.Equal(t, "0000000003.seg", name)
			return nil
		})
		for i, key := range keys {
			got, err := g.plain.Get(background, key)
			require.NoError(t, err)
			assert.Equal(t, content("value|", 600+i), got)
		}
		g.mem.OnRead(nil)
		require.NoError(t, g.close())
	})
}

// A write that fails may have written all of its record. Done anew elsewhere,
// it must not count twice: a renumbering that is done twice runs over batches.
func TestAFailedWriteDoesNotCountTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		require.NoError(t, g.open())
		for range 8 {
			require.NoError(t, g.enqueue())
		}
		for range 5 {
			g.dispatch()
		}
		require.NoError(t, g.complete(3)) // a gap: 0, 1 and 2 move up by one, over one another
		require.NoError(t, g.close())

		failed := ""
		g.mem.OnChange(func(c disktest.Change) error {
			switch {
			case c.Kind != disktest.Write || c.Offset != record.HeaderSize:
				return nil
			case failed == "":
				failed = c.Name
				return c.Torn(int(c.Length)-record.MarkSize, errCut)
			case failed == c.Name:
				return errCut // the mark, too
			}
			return nil
		})
		require.NoError(t, g.open())
		require.NotEmpty(t, failed)
		g.mem.OnChange(nil)
		for _, left := range []*disktest.Memory{g.mem.Kill(), g.mem.Crash(nil)} {
			again := newRig(left, 1)
			again.oracle = g.oracle.snapshot()
			require.NoError(t, again.open())
			s, problems := again.look()
			assert.Empty(t, append(problems, again.oracle.wrong(s)...))
			assert.Len(t, s.items, 7)
			require.NoError(t, again.close())
		}
		require.NoError(t, g.close())
	})
}

// failing makes every write and flush of segments fail until it is healed.
func failing(mem *disktest.Memory) (heal func()) {
	mem.OnChange(func(c disktest.Change) error {
		if c.Kind == disktest.Create || c.Kind == disktest.Write || c.Kind == disktest.Rename || c.Kind == disktest.Sync {
			return errCut
		}
		return nil
	})
	return func() { mem.OnChange(nil) }
}

func TestCloseSaysWhatItCouldNotWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		require.NoError(t, g.open())
		require.NoError(t, g.enqueue())
		g.dispatch()
		heal := failing(g.mem)
		require.NoError(t, g.complete(0), "it is owed")
		require.ErrorIs(t, g.close(), errCut)
		heal()
		require.NoError(t, g.open())
		s, problems := g.look()
		assert.Empty(t, append(problems, g.oracle.wrong(s)...))
		assert.Len(t, s.items, 1, "it comes again")
		require.NoError(t, g.close())
	})
}

// A key that was taken back after a failed flush, or deleted by somebody who
// still waits, may be there after a crash: to delete it is not in vain.
func TestADeleteOfWhatIsNotThereWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		require.NoError(t, g.open())
		var heal func()
		g.mem.OnChange(func(c disktest.Change) error {
			if c.Kind == disktest.Sync {
				heal = failing(g.mem) // the record is written, and can no longer be flushed or mended
				return errCut
			}
			return nil
		})
		require.ErrorIs(t, g.plain.Set(background, "k", []byte("refused")), errCut)
		got, err := g.plain.Get(background, "k")
		require.NoError(t, err)
		require.Nil(t, got)
		require.ErrorIs(t, g.plain.Delete(background, "k"), errCut)
		heal()
		require.NoError(t, g.plain.Delete(background, "k"))
		again := newRig(g.mem.Kill(), 1)
		require.NoError(t, again.open())
		got, err = again.plain.Get(background, "k")
		require.NoError(t, err)
		assert.Nil(t, got)
		require.NoError(t, again.close())
		require.NoError(t, g.close())
	})
}

// What a start found is durable: a power cut after it takes nothing back.
func TestWhatAStartFoundStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newRig(disktest.New(), 1)
		require.NoError(t, g.open())
		require.NoError(t, g.enqueue())
		require.NoError(t, g.close())
		require.NoError(t, g.open())
		g.dispatch()
		require.NoError(t, g.complete(0)) // in a segment of its own, which is not flushed
		killed := newRig(g.mem.Kill(), 1)
		require.NoError(t, g.close())
		require.NoError(t, killed.open())
		s, _ := killed.look()
		require.Empty(t, s.items)
		cut := newRig(killed.mem.Crash(nil), 1)
		require.NoError(t, killed.close())
		require.NoError(t, cut.open())
		s, _ = cut.look()
		assert.Empty(t, s.items)
		assert.True(t, s.ledger[0])
		require.NoError(t, cut.close())
	})
}
