package mshipstorage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestDefaultConfig(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	assert.Equal(t, &Config{
		Directory: "./data/queue", MaxBytes: 1073741824, MinFreeBytes: 67108864,
		Compression: "zstd", Flush: "item", FlushInterval: 500 * time.Millisecond,
	}, cfg)
	assert.NoError(t, cfg.Validate())
	assert.Equal(t, int64(16<<20), cfg.segmentBytes())
	cfg.MaxBytes = leastMaxBytes
	assert.Equal(t, int64(64<<10), cfg.segmentBytes())
}

func TestConfigIsRead(t *testing.T) {
	cfg := NewFactory().CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"directory": "/q", "max_bytes": 5368709120, "min_free_bytes": 0, "compression": "none", "flush": "interval", "flush_interval": "2s",
	}).Unmarshal(cfg))
	assert.Equal(t, &Config{Directory: "/q", MaxBytes: 5368709120, Compression: "none", Flush: "interval", FlushInterval: 2 * time.Second}, cfg)
	assert.ErrorContains(t, confmap.NewFromStringMap(map[string]any{"max_size": 1}).Unmarshal(cfg), "max_size")
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"the least":           {func(c *Config) { c.MaxBytes, c.MinFreeBytes, c.FlushInterval = 1<<20, 0, 10*time.Millisecond }, ""},
		"the longest":         {func(c *Config) { c.FlushInterval, c.Flush, c.Compression = time.Minute, "interval", "none" }, ""},
		"no directory":        {func(c *Config) { c.Directory = "" }, "directory must not be empty: name a directory on a disk that keeps its data without power"},
		"too little":          {func(c *Config) { c.MaxBytes = 1<<20 - 1 }, "max_bytes must be 1048576 (1 MiB) or more, found 1048575"},
		"less than nothing":   {func(c *Config) { c.MinFreeBytes = -1 }, "min_free_bytes must not be negative, found -1; 0 is no limit"},
		"unknown compression": {func(c *Config) { c.Compression = "gzip" }, `compression must be zstd or none, found "gzip"`},
		"no compression":      {func(c *Config) { c.Compression = "" }, `compression must be zstd or none, found ""`},
		"unknown flush":       {func(c *Config) { c.Flush = "never" }, `flush must be item or interval, found "never"`},
		"too often":           {func(c *Config) { c.FlushInterval = time.Millisecond }, "flush_interval must be 10ms to 1m, found 1ms"},
		"too seldom":          {func(c *Config) { c.FlushInterval = time.Hour }, "flush_interval must be 10ms to 1m, found 1h0m0s"},
		"two at once": {func(c *Config) { c.Directory, c.FlushInterval = "", 0 }, "directory must not be empty: name a directory on a disk that keeps its data without power\n" +
			"flush_interval must be 10ms to 1m, found 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig()
			c.change(cfg)
			if c.want == "" {
				assert.NoError(t, cfg.Validate())
				return
			}
			assert.EqualError(t, cfg.Validate(), c.want)
		})
	}
}
