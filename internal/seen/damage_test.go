package seen

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// filled is a storage with n chunks of one key each.
func filled(t *testing.T, n int) *memory {
	t.Helper()
	disk := newMemory()
	s := open(t, disk)
	for i := range n {
		require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
	}
	shut(t, s)
	return disk
}

func (m *memory) change(part string, with func(value []byte) []byte) (changed int) {
	for key, value := range m.values {
		if strings.Contains(key, part) {
			m.values[key] = with(value)
			changed++
		}
	}
	return changed
}

func TestADamagedChunkIsDropped(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]func([]byte) []byte{
		"flipped":   func(b []byte) []byte { return append([]byte{b[0], b[1] ^ 1}, b[2:]...) },
		"cut":       func(b []byte) []byte { return b[:len(b)-1] },
		"nothing":   func([]byte) []byte { return []byte{} },
		"foreign":   func([]byte) []byte { return []byte("what is this") },
		"newer":     func(b []byte) []byte { return seal(append([]byte{version + 1}, b[1:len(b)-4]...)) },
		"no sense":  func(b []byte) []byte { return seal(append([]byte{}, b[:len(b)-5]...)) },
		"top heavy": func(b []byte) []byte { return seal(append([]byte{version, maxLevel + 1}, b[2:len(b)-4]...)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := filled(t, 20)
			require.Equal(t, 1, disk.change("/c/7", with))
			core, logs := observer.New(zap.InfoLevel)
			s := open(t, disk, func(cfg *Settings) { cfg.Logger = zap.New(core) })
			requireHas(t, s, true, append(some(0, 7), some(8, 20)...)...)
			requireHas(t, s, false, some(7, 8)...)
			assert.EqualValues(t, 1, s.Stats().Damaged)
			assert.Len(t, logs.FilterMessage("stored keys cannot be read: they are forgotten").All(), 1)
			require.NoError(t, s.Add(t.Context(), some(7, 8)...))
			shut(t, s)
			again := open(t, disk)
			requireHas(t, again, true, some(0, 20)...)
			assert.Zero(t, again.Stats().Damaged, "it is gone")
		})
	}
}

// With one head damaged nothing is lost: the older one leads to the newer chunks too.
func TestADamagedHeadLosesNothing(t *testing.T) {
	t.Parallel()
	const n = 3*fanIn + 7
	disk := newMemory()
	s := open(t, disk)
	for i := range n {
		require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
		if i%5 != 0 && i%fanIn > 1 {
			continue
		}
		for _, head := range []string{"/head/0", "/head/1"} {
			broken := disk.cut()
			broken.change(head, func([]byte) []byte { return []byte("?") })
			killed := open(t, broken)
			requireHas(t, killed, true, some(0, i+1)...)
			shut(t, killed)
		}
	}
}

func TestWithoutAHeadItBeginsAnew(t *testing.T) {
	t.Parallel()
	disk := filled(t, 3*fanIn)
	disk.change("/head/", func([]byte) []byte { return []byte("?") })
	s := open(t, disk)
	assert.EqualValues(t, 2, s.Stats().Damaged)
	for i := range 3 * fanIn {
		require.NoError(t, s.Add(t.Context(), some(i, i+1)...))
	}
	shut(t, s)
	requireHas(t, open(t, disk), true, some(0, 3*fanIn)...)
}

// unreadable fails to read one key, as a disk does.
type unreadable struct {
	*memory
	key string
}

var errDisk = errors.New("input/output error")

func (u unreadable) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if op.Type == storage.Get && strings.HasSuffix(op.Key, u.key) {
			return errDisk
		}
	}
	return u.memory.Batch(ctx, ops...)
}

func (u unreadable) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := u.Batch(ctx, op)
	return op.Value, err
}

func TestAReadErrorCostsOneChunk(t *testing.T) {
	t.Parallel()
	s := open(t, unreadable{filled(t, 20), "/c/7"})
	requireHas(t, s, true, append(some(0, 7), some(8, 20)...)...)
	requireHas(t, s, false, some(7, 8)...)
	assert.EqualValues(t, 1, s.Stats().Damaged)
}

func TestSetsOfOneClientAreApart(t *testing.T) {
	t.Parallel()
	disk := newMemory()
	one, two := open(t, disk), open(t, disk, func(cfg *Settings) { cfg.Name = "two" })
	require.NoError(t, one.Add(t.Context(), some(0, 1)...))
	require.NoError(t, two.Add(t.Context(), some(1, 2)...))
	shut(t, one)
	shut(t, two)
	requireHas(t, open(t, disk), false, some(1, 2)...)
}
