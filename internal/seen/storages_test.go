package seen

import (
	"context"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage"
)

// storages are those that the set is tested on.
var storages = map[string]extension.Factory{"file_storage": filestorage.NewFactory(), "mship_storage": mshipstorage.NewFactory()}

// client opens a storage extension in a directory; closed ends both.
func client(t testing.TB, factory extension.Factory, dir string) (c storage.Client, closed func()) {
	t.Helper()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"directory": dir}).Unmarshal(cfg))
	ext, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, ext.Start(ctx, componenttest.NewNopHost()))
	c, err = ext.(storage.Extension).GetClient(ctx, component.KindExtension, component.MustNewID("mship_dedup"), "")
	require.NoError(t, err)
	return c, func() {
		assert.NoError(t, c.Close(ctx))
		assert.NoError(t, ext.Shutdown(ctx))
	}
}

// The same on every storage: a key alone, many in one Batch, staged ones, merges, restarts, expiry.
func TestOnRealStorages(t *testing.T) {
	t.Parallel()
	for name, factory := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const alone, many = 2*fanIn + 3, maxChunk + 1000
			for round := range 3 {
				c, closed := client(t, factory, dir)
				s := open(t, c)
				requireHas(t, s, true, some(0, round*many)...)
				requireHas(t, s, false, some(round*many, round*many+alone)...)
				assert.Zero(t, s.Stats().Damaged)
				for i := range alone {
					key := some(round*many+i, round*many+i+1)
					if i%3 == 0 {
						st := s.Stage(t.Context(), key...)
						st.Done(c.Batch(t.Context(), st.Operations...))
						continue
					}
					require.NoError(t, s.Add(t.Context(), key...))
				}
				require.NoError(t, s.Add(t.Context(), some(round*many, (round+1)*many)...))
				if round == 1 {
					shut(t, s) // else it is as after a kill
				}
				closed()
			}
			c, closed := client(t, factory, dir)
			defer closed()
			s := open(t, c)
			requireHas(t, s, true, some(0, 3*many)...)
			later(s, 27*time.Hour)
			s.tick()
			assert.Equal(t, Stats{}, s.Stats())
			shut(t, s)
			again := open(t, c)
			assert.Equal(t, Stats{}, again.Stats())
			shut(t, again)
			assert.Empty(t, again.disk.chunks)
		})
	}
}

// later moves the set's clock.
func later(s *Set, by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base += by
}
