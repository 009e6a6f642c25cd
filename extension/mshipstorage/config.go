package mshipstorage

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mship/otelcol-mship/internal/valid"
)

// The settings that are words.
const (
	compressionZstd = "zstd"
	compressionNone = "none"
	flushItem       = "item"
	flushInterval   = "interval"
)

const (
	// maxSegment is how long a segment gets at most, and segmentShare of
	// max_bytes, 1/n, where that is less: the reserve is one of them.
	maxSegment   = 16 << 20
	segmentShare = 16
	// leastMaxBytes still makes segments of more than a batch or two.
	leastMaxBytes = 1 << 20
)

// Config of the extension. The README explains every setting.
type Config struct {
	// Directory of the store's files; it is made if need be.
	Directory string `mapstructure:"directory"`
	// MaxBytes on disk, all clients together.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MinFreeBytes of the file system, below which new data is refused.
	MinFreeBytes int64 `mapstructure:"min_free_bytes"`
	// Compression of each value: zstd or none.
	Compression string `mapstructure:"compression"`
	// Flush says when new data is acknowledged: item or interval.
	Flush string `mapstructure:"flush"`
	// FlushInterval is the longest that anything stays unflushed.
	FlushInterval time.Duration `mapstructure:"flush_interval"`
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() *Config {
	return &Config{
		Directory:     "./data/queue",
		MaxBytes:      1 << 30,
		MinFreeBytes:  64 << 20,
		Compression:   compressionZstd,
		Flush:         flushItem,
		FlushInterval: 500 * time.Millisecond,
	}
}

// Validate finds settings that make no sense.
func (c *Config) Validate() error {
	return errors.Join(
		valid.If(c.Directory != "", "directory must not be empty: name a directory on a disk that keeps its data without power"),
		valid.If(c.MaxBytes >= leastMaxBytes, "max_bytes must be %d (1 MiB) or more, found %d", leastMaxBytes, c.MaxBytes),
		valid.If(c.MinFreeBytes >= 0, "min_free_bytes must not be negative, found %d; 0 is no limit", c.MinFreeBytes),
		oneOf("compression", c.Compression, compressionZstd, compressionNone),
		oneOf("flush", c.Flush, flushItem, flushInterval),
		valid.If(c.FlushInterval >= 10*time.Millisecond && c.FlushInterval <= time.Minute, "flush_interval must be 10ms to 1m, found %s", c.FlushInterval),
	)
}

func (c *Config) segmentBytes() int64 { return min(maxSegment, c.MaxBytes/segmentShare) }

func oneOf(key, found string, first, second string) error {
	return valid.If(found == first || found == second, "%s must be %s or %s, found %q", key, first, second, found)
}
