package mshipexporter

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// withLetters is a ship that has parked something, and whose far end takes it now.
func withLetters(t *testing.T, adjust func(*Config)) voyage {
	t.Helper()
	v := voyage{
		disk: storagetest.New(), coast: newCoast(), customer: &customer{}, letters: t.TempDir(), moved: new(atomic.Int64),
		adjust: func(c *Config) {
			c.Retry.BackOff.MaxInterval = time.Second
			c.CircuitBreaker.Enabled = false
			adjust(c)
		},
	}
	v.coast.refuses = bad
	for range 10 {
		require.True(t, v.sail(t, forever, 3))
		if v.customer.next >= 7 && len(v.disk.Items()) == 0 {
			break
		}
	}
	require.Equal(t, map[string]int{"3b": 1}, v.parked(t))
	v.coast.refuses = nil
	return v
}

// replayAll replays what there is, everything twice at once.
func replayAll(c *core) {
	var all sync.WaitGroup
	for _, name := range c.letters.Names(deadletter.Filter{}) {
		for range 2 {
			all.Go(func() { _ = c.replay(context.Background(), name) })
		}
	}
	all.Wait()
}

// TestAReplayIsCutAtEveryStep cuts the power at every call to the storage while
// dead letters come back. A cut leaves the files as they are, or as they were.
func TestAReplayIsCutAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		adjust func(*Config)
		// keep the files that a replay has removed: the cut came before.
		keep bool
		// again has the far end refuse once more what comes back first.
		again bool
	}{
		"batches":               {eager, false, false},
		"parcels":               {parcelsOf(6), false, false},
		"parcels, files kept":   {parcelsOf(6), true, false},
		"batches, files kept":   {eager, true, false},
		"batches, parked again": {eager, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := withLetters(t, c.adjust)
			base.then = replayAll
			for cut := 0; ; cut++ {
				v := base.clone(t)
				v.coast.lose = 1
				if c.again {
					v.coast.refuses = bad
				}
				whole := v.sail(t, cut, 3)
				if c.keep {
					require.NoError(t, os.RemoveAll(v.letters))
					require.NoError(t, os.CopyFS(v.letters, os.DirFS(base.letters)))
				}
				v.coast.refuses = nil
				for range 3 { // replays what is left, or is there again
					require.True(t, v.sail(t, forever, 1))
				}
				v.then = nil
				v.arrive(t, fmt.Sprintf("cut at call %d", cut))
				require.Empty(t, v.parked(t))
				require.Equal(t, 1, v.coast.taken["3b"])
				if whole {
					t.Logf("%d cuts", cut)
					return
				}
			}
		})
	}
}

// A batch that is rejected again is a dead letter again, under its own id.
func TestWhatComesBackMayBeParkedAgain(t *testing.T) {
	t.Parallel()
	v := withLetters(t, eager)
	v.coast.refuses = bad
	var before, after []deadletter.Entry
	v.then = func(c *core) {
		before, _, _ = c.letters.List(deadletter.Filter{}, "", 10)
		replayAll(c)
	}
	require.True(t, v.sail(t, forever, 1))
	for range 5 {
		v.then = func(c *core) { after, _, _ = c.letters.List(deadletter.Filter{}, "", 10) }
		require.True(t, v.sail(t, forever, 1))
	}
	require.Len(t, before, 1)
	require.Len(t, after, 1)
	assert.Equal(t, before[0].ID, after[0].ID)
	assert.EqualValues(t, 0, before[0].Replays)
	assert.EqualValues(t, 1, after[0].Replays)
	assert.NotEqual(t, before[0].Name, after[0].Name)
}

func TestWhatCannotBeReplayedStays(t *testing.T) {
	t.Parallel()
	v := withLetters(t, eager)
	for name, c := range map[string]struct {
		adjust func(*Config)
		change func(a *aboard, disk *storagetest.Storage, name string)
		says   string
	}{
		"no such entry": {eager, func(a *aboard, _ *storagetest.Storage, name string) {
			require.NoError(a.t, a.logs.(*logsExporter).core.letters.Delete(name))
		}, "there is no such dead letter"},
		"a queue in memory": {func(c *Config) { c.Queue.Get().StorageID = nil }, func(*aboard, *storagetest.Storage, string) {}, "set sending_queue::storage"},
		"a full disk": {eager, func(_ *aboard, disk *storagetest.Storage, _ string) {
			disk.Fail(func([]*storage.Operation) error { return errCut })
		}, errCut.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			v := v.clone(t)
			synctest.Test(t, func(t *testing.T) {
				a := board(t, v.disk, sinktest.New(v.coast.answer), httpSink, c.adjust, func(cfg *Config) { cfg.DeadLetter.Directory = v.letters }).start()
				defer a.stop()
				core := a.logs.(*logsExporter).core
				names := core.letters.Names(deadletter.Filter{})
				require.Len(t, names, 1)
				c.change(a, v.disk, names[0])
				require.ErrorContains(t, core.replay(t.Context(), names[0]), c.says)
				if name != "no such entry" {
					assert.Equal(t, names, core.letters.Names(deadletter.Filter{}))
				}
				v.disk.Fail(nil)
			})
		})
	}
}

// Where it is full and holds, the bad batch stays in the queue and the good ones go on.
func TestFullDeadLettersHoldTheBadBatch(t *testing.T) {
	t.Parallel()
	v := voyage{
		disk: storagetest.New(), coast: newCoast(), customer: &customer{}, letters: t.TempDir(), moved: new(atomic.Int64),
		adjust: func(c *Config) {
			eager(c)
			c.DeadLetter.MaxBytes = 1 // below what Validate allows
		},
	}
	v.coast.refuses = bad
	for range 5 {
		require.True(t, v.sail(t, forever, 3))
	}
	require.Empty(t, v.parked(t))
	require.Len(t, v.disk.Items(), 1, "the bad record's batch")
	for _, record := range v.customer.acked {
		if record != "3b" {
			require.Equal(t, 1, v.coast.taken[record], record)
		}
	}
	v.adjust = eager
	for range 5 {
		require.True(t, v.sail(t, forever, 1))
	}
	require.Equal(t, map[string]int{"3b": 1}, v.parked(t), "there is room again")
	v.coast.refuses = nil
	v.then = replayAll
	v.arrive(t, "after the room was made")
	require.Equal(t, 1, v.coast.taken["3b"])
}

// An entry of several parts comes back as those, each under its own id.
func TestPartsComeBackApart(t *testing.T) {
	t.Parallel()
	e := deadletter.Entry{ID: delivery.ID{1}.String(), Signal: delivery.Logs, Parts: []string{delivery.ID{2}.String(), delivery.ID{3}.String()}, Replays: 4}
	line := []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`)
	var ids []delivery.ID
	for n := range 2 {
		b, err := comingBack(e, n, line)
		require.NoError(t, err)
		assert.EqualValues(t, 5, b.Replays)
		assert.Equal(t, 1, b.Payload.Records())
		ids = append(ids, b.ID)
	}
	assert.True(t, slices.Equal([]delivery.ID{{2}, {3}}, ids))
	_, err := comingBack(e, 2, line)
	require.ErrorContains(t, err, "line 3")
	for _, broken := range []deadletter.Entry{{ID: "x", Signal: delivery.Logs}, {ID: e.ID, Signal: "smoke"}} {
		_, err = comingBack(broken, 0, line)
		require.Error(t, err)
	}
	_, err = comingBack(deadletter.Entry{ID: e.ID, Signal: delivery.Logs}, 0, []byte("{"))
	require.Error(t, err)
}

// A replay that is cut off before the entry's files are removed sends nothing again.
func TestWhatIsReplayedTwiceIsSentOnce(t *testing.T) {
	t.Parallel()
	base := withLetters(t, eager)
	v := base.clone(t)
	v.then = replayAll
	again := v.coast.again
	require.True(t, v.sail(t, forever, 1))
	require.Equal(t, 1, v.coast.taken["3b"])
	require.NoError(t, os.CopyFS(v.letters+"/again", os.DirFS(base.letters)))
	require.NoError(t, os.RemoveAll(v.letters+"/shore"))
	require.NoError(t, os.Rename(v.letters+"/again/shore", v.letters+"/shore"))
	require.NotEmpty(t, v.parked(t))
	require.True(t, v.sail(t, forever, 1))
	require.Empty(t, v.parked(t))
	require.Equal(t, again, v.coast.again, "no request came twice")
}
