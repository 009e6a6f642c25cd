package store

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// A Batch whose flush fails has not been, wholly: what it set is gone, and what
// it deleted is there, now and after a start. Half of it would lose what a
// parcel is made of, or remember a batch that nobody stored.
func TestABatchWhoseFlushFailsHasNotBeen(t *testing.T) {
	mem := disktest.New()
	open := func(disk *disktest.Memory) (*Store, *Client) {
		s, err := Open(Settings{Dir: disk, MaxBytes: 1 << 20, SegmentBytes: 1 << 14, FlushEachItem: true, FlushInterval: time.Hour, Logger: zap.NewNop()})
		require.NoError(t, err)
		c, err := s.Client(t.Context(), "queue")
		require.NoError(t, err)
		return s, c
	}
	check := func(c *Client, when string) {
		t.Helper()
		for key, want := range map[string]string{"0": "first", "1": "", "journal/0": "small", "seen": ""} {
			got, err := c.Get(t.Context(), key)
			require.NoError(t, err, when)
			assert.Equal(t, want, string(got), "%s: %s", when, key)
		}
	}
	metadata := func(write uint64) *storage.Operation {
		return storage.SetOperation(queuemetadata.Key, queuemetadata.Metadata{Write: write}.Marshal())
	}
	s, c := open(mem)
	require.NoError(t, c.Batch(t.Context(), metadata(1), storage.SetOperation("0", []byte("first"))))
	require.NoError(t, c.Set(t.Context(), "journal/0", []byte("small")))

	mem.OnChange(func(ch disktest.Change) error {
		if ch.Kind == disktest.Sync {
			return ch.Lost(errors.New("input/output error"))
		}
		return nil
	})
	parcel := []*storage.Operation{metadata(2), storage.SetOperation("1", []byte("parcel")), storage.DeleteOperation("journal/0"), storage.SetOperation("seen", []byte("x"))}
	require.Error(t, c.Batch(t.Context(), parcel...))
	check(c, "at once")
	require.Error(t, c.Batch(t.Context(), parcel...), "and again")

	mem.OnChange(nil)
	require.NoError(t, c.Set(t.Context(), "other", []byte("makes the disk mend itself")))
	check(c, "mended")
	cut, c := open(mem.Crash(nil))
	check(c, "after a power cut")
	require.NoError(t, cut.Close())
	require.NoError(t, s.Close())
	s, c = open(mem)
	check(c, "after a restart")
	require.NoError(t, c.Batch(t.Context(), parcel...))
	got, err := c.Get(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, "parcel", string(got))
	require.NoError(t, s.Close())
}
