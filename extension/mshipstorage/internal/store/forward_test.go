package store

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
	"github.com/otelcol-mship/otelcol-mship/internal/queuemetadata"
)

// Every segment of a full disk holds a key that stays, and the reserve is used
// up: what stays is moved forward all the same, and the room comes back.
func TestAFullDiskMakesRoomByMovingWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := disktest.New()
		s, err := Open(Settings{Dir: mem, MaxBytes: 1 << 20, SegmentBytes: 1 << 14, FlushEachItem: true, FlushInterval: 100 * time.Millisecond, Logger: zap.NewNop()})
		require.NoError(t, err)
		c, err := s.Client(t.Context(), "queue")
		require.NoError(t, err)
		mem.Limit(200 << 10)
		m := queuemetadata.Metadata{}
		batch := func(ops ...*storage.Operation) error {
			return c.Batch(t.Context(), append(ops, storage.SetOperation(queuemetadata.Key, m.Marshal()))...)
		}
		for err := error(nil); err == nil; m.Write++ {
			err = batch(storage.SetOperation(fmt.Sprint(m.Write), make([]byte, 1000)), storage.SetOperation(fmt.Sprint("stays/", m.Write), []byte("small")))
		}
		useUp(t, s, mem)
		for ; m.Read < m.Write; m.Read++ {
			require.NoError(t, batch(storage.DeleteOperation(fmt.Sprint(m.Read))))
		}
		time.Sleep(5 * time.Second)
		used, live := s.Size()
		assert.Less(t, used, int64(5<<14), "%d of it are needed", live)
		assert.NoError(t, batch(storage.SetOperation(fmt.Sprint(m.Write), make([]byte, 1000))))
		require.NoError(t, s.Close())
	})
}

// useUp takes the reserve away, and all that is free besides.
func useUp(t *testing.T, s *Store, mem *disktest.Memory) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spares {
		require.NoError(t, mem.Remove(sp.name))
		s.used -= sp.size
	}
	s.spares = nil
	mem.Limit(mem.Total())
}
