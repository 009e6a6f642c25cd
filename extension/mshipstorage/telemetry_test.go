package mshipstorage

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/metadatatest"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/store"
)

// started is an extension with its metrics.
func started(t *testing.T, tel *componenttest.Telemetry, cfg *Config) *storageExtension {
	t.Helper()
	ext, err := NewFactory().Create(t.Context(), metadatatest.NewSettings(tel), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, ext.Shutdown(context.Background())) })
	return ext.(*storageExtension)
}

func smallConfig(t *testing.T) *Config {
	cfg := createDefaultConfig()
	cfg.Directory, cfg.MaxBytes, cfg.Compression, cfg.FlushInterval = t.TempDir(), 64<<20, compressionNone, time.Minute
	return cfg
}

func plainClient(t *testing.T, ext extension.Extension, name string) storage.Client {
	t.Helper()
	c, err := ext.(storage.Extension).GetClient(t.Context(), component.KindProcessor, component.MustNewID("some"), name)
	require.NoError(t, err)
	return c
}

// TestMetrics holds the names, the units, the labels, and when each moves.
func TestMetrics(t *testing.T) {
	tel := componenttest.NewTelemetry()
	cfg := smallConfig(t)
	ext := started(t, tel, cfg)
	c := plainClient(t, ext, "")
	label := attribute.NewSet(attribute.String("storage", "mship_storage"))
	whole := func(n int64) []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{{Attributes: label, Value: n}}
	}
	refused := func(max int64) (points []metricdata.DataPoint[int64]) {
		for reason, n := range map[string]int64{store.RefusedMaxBytes: max, store.RefusedMinFree: 0, store.RefusedDiskFull: 0} {
			set := attribute.NewSet(attribute.String("storage", "mship_storage"), attribute.String("reason", reason))
			points = append(points, metricdata.DataPoint[int64]{Attributes: set, Value: n})
		}
		return points
	}
	ignoreTime := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualStoreFlushesTotal(t, tel, whole(0), ignoreTime)
	metadatatest.AssertEqualStoreRefusedTotal(t, tel, refused(0), ignoreTime)
	metadatatest.AssertEqualStoreDamagedBytesTotal(t, tel, whole(0), ignoreTime)
	metadatatest.AssertEqualStoreQuarantinedTotal(t, tel, whole(0), ignoreTime)

	require.NoError(t, c.Set(t.Context(), "a", bytesOf(1)))
	require.NoError(t, c.Set(t.Context(), "b", bytesOf(2)))
	metadatatest.AssertEqualStoreFlushesTotal(t, tel, whole(3), ignoreTime) // and one of the directory
	flushSeconds, err := tel.GetMetric("mship_store_flush_seconds")
	require.NoError(t, err)
	assert.EqualValues(t, 3, flushSeconds.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)

	files := sizeOfFiles(t, cfg.Directory)
	metadatatest.AssertEqualStoreBytes(t, tel, whole(files), ignoreTime)
	live, err := tel.GetMetric("mship_store_live_bytes")
	require.NoError(t, err)
	assert.Equal(t, "By", live.Unit)
	assert.InDelta(t, 2*itemBytes, onlyValue(t, live), 200)

	require.ErrorIs(t, c.Set(t.Context(), "c", make([]byte, cfg.MaxBytes)), storage.ErrStorageFull)
	metadatatest.AssertEqualStoreRefusedTotal(t, tel, refused(1), ignoreTime)
	_, err = ext.Reserve(cfg.MaxBytes)
	require.ErrorIs(t, err, storage.ErrStorageFull)
	metadatatest.AssertEqualStoreRefusedTotal(t, tel, refused(2), ignoreTime)

	damage(t, cfg.Directory, bytesOf(1))
	_, err = c.Get(t.Context(), "a")
	require.ErrorContains(t, err, `the stored value of key "a" of processor some is damaged: wrong checksum of 3001 bytes at `)
	metadatatest.AssertEqualStoreDamagedBytesTotal(t, tel, whole(itemBytes+1), ignoreTime)
	metadatatest.AssertEqualStoreQuarantinedTotal(t, tel, whole(1), ignoreTime)
}

// sizeOfFiles counts all files of a store, but for the lock.
func sizeOfFiles(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	}))
	return bytes
}

// damage flips a byte of a stored value.
func damage(t *testing.T, dir string, value []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		at := bytes.Index(data, value)
		if at < 0 {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte{^value[100]}, int64(at)+100)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		return
	}
	t.Fatal("the value is nowhere")
}
