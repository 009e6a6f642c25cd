package mshipdedup

import (
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mship/otelcol-mship/internal/valid"
)

const (
	leastWindow = time.Minute
	mostKeys    = 100_000_000
	// leastGRPCWindow is gRPC's own: it ignores anything less.
	leastGRPCWindow = 1 << 16
	mostGRPCWindow  = 1 << 30
)

// Config of the extension. The README explains every setting.
type Config struct {
	// Header that carries the key; in gRPC it is the metadata of the same name in lower case.
	Header string `mapstructure:"header"`
	// Window is how long a key is remembered at least.
	Window time.Duration `mapstructure:"window"`
	// MaxKeys are remembered at most; then the oldest is forgotten.
	MaxKeys int `mapstructure:"max_keys"`
	// MaxWait is how long a request waits for another one with its key.
	MaxWait time.Duration `mapstructure:"max_wait"`
	// GRPCWindowBytes is how many bytes a gRPC client may send ahead, on a stream and on its connection. 0 leaves it to gRPC.
	GRPCWindowBytes int32 `mapstructure:"grpc_window_bytes"`
	// Storage extension that keeps the keys over a restart.
	Storage *component.ID `mapstructure:"storage"`
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() *Config {
	return &Config{
		Header:  "Idempotency-Key",
		Window:  24 * time.Hour,
		MaxKeys: 1_000_000,
		MaxWait: 30 * time.Second,
		// The largest request that gRPC takes by default: a client was always given as much, once its request was begun.
		GRPCWindowBytes: 4 << 20,
	}
}

// Validate finds settings that make no sense.
func (c *Config) Validate() error {
	return errors.Join(
		valid.If(isHeader(c.Header), "header must be the name of an HTTP header and of gRPC metadata, such as Idempotency-Key; found %q", c.Header),
		valid.If(c.Window >= leastWindow, "window must be %s or more, found %s", leastWindow, c.Window),
		valid.If(c.MaxKeys >= 1 && c.MaxKeys <= mostKeys, "max_keys must be 1 to %d, found %d", mostKeys, c.MaxKeys),
		valid.If(c.GRPCWindowBytes == 0 || c.GRPCWindowBytes >= leastGRPCWindow && c.GRPCWindowBytes <= mostGRPCWindow,
			"grpc_window_bytes must be 0 or %d to %d, found %d", leastGRPCWindow, mostGRPCWindow, c.GRPCWindowBytes),
		valid.If(c.MaxWait > 0, "max_wait must be more than 0, such as 30s; found %s", c.MaxWait),
	)
}

// isHeader: letters, digits, "-", "_" and ".", which HTTP and gRPC both take.
// gRPC keeps names that begin with grpc- for itself, and those that end in -bin for bytes.
func isHeader(name string) bool {
	strange := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
	lower := strings.ToLower(name)
	return name != "" && !strange && !strings.HasPrefix(lower, "grpc-") && !strings.HasSuffix(lower, "-bin")
}
