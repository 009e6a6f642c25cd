package mshipdedup

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"defaults":       {func(*Config) {}, ""},
		"another header": {func(c *Config) { c.Header = "X-Batch.id_1" }, ""},
		"no header":      {func(c *Config) { c.Header = "" }, `header must be the name of an HTTP header and of gRPC metadata, such as Idempotency-Key; found ""`},
		"space":          {func(c *Config) { c.Header = "a key" }, `found "a key"`},
		"binary":         {func(c *Config) { c.Header = "Key-Bin" }, `found "Key-Bin"`},
		"gRPC's own":     {func(c *Config) { c.Header = "Grpc-Key" }, `found "Grpc-Key"`},
		"window":         {func(c *Config) { c.Window = time.Second }, "window must be 1m0s or more, found 1s"},
		"no keys":        {func(c *Config) { c.MaxKeys = 0 }, "max_keys must be 1 to 100000000, found 0"},
		"gRPC's window":  {func(c *Config) { c.GRPCWindowBytes = 0 }, ""},
		"small window":   {func(c *Config) { c.GRPCWindowBytes = 65535 }, "grpc_window_bytes must be 0 or 65536 to 1073741824, found 65535"},
		"huge window":    {func(c *Config) { c.GRPCWindowBytes = math.MaxInt32 }, "grpc_window_bytes must be 0 or 65536 to 1073741824, found 2147483647"},
		"no wait":        {func(c *Config) { c.MaxWait = 0 }, "max_wait must be more than 0, such as 30s; found 0s"},
	} {
		cfg := createDefaultConfig()
		c.change(cfg)
		if err := cfg.Validate(); c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
}

// nothing is an extension that cannot store.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// shut is a storage extension that gives no client.
type shut struct{ disk }

func (*shut) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return nil, errors.New("shut")
}

func TestAStorageThatIsNone(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("disk")
	for want, host := range map[string]hosts{
		`storage: there is no extension "disk"; define it under extensions and list it under service::extensions`: {},
		`storage: extension "disk" cannot store anything; use one such as mship_storage`:                          {id: nothing{}},
		`storage: shut`: {id: &shut{}},
	} {
		e := extensionWith(t, &id)
		require.EqualError(t, e.Start(t.Context(), host), want)
		require.NoError(t, e.Shutdown(t.Context()))
	}
}

func extensionWith(t *testing.T, storageID *component.ID) *dedupExtension {
	t.Helper()
	cfg := createDefaultConfig()
	cfg.Storage = storageID
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	return ext.(*dedupExtension)
}

func TestTheStorageIsStartedBefore(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("disk")
	assert.Equal(t, []component.ID{id}, extensionWith(t, &id).Dependencies())
	assert.Empty(t, extensionWith(t, nil).Dependencies())
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	e := extensionWith(t, nil)
	_, err := e.GetHTTPHandler(t.Context())
	require.ErrorIs(t, err, errNotStarted)
	_, err = e.GetGRPCServerOptions(t.Context())
	require.ErrorIs(t, err, errNotStarted)
}

func TestWithoutStorageItWarns(t *testing.T) {
	t.Parallel()
	assert.Len(t, ashore(t, nil).logs.FilterMessageSnippet("keys are forgotten at a restart").All(), 1)
	assert.Empty(t, ashore(t, newDisk()).logs.FilterMessageSnippet("keys are forgotten at a restart").All())
}

// The receiver's gRPC server dies of a panic; others recover from it.
func TestAPanicOverGRPCIsNotRemembered(t *testing.T) {
	t.Parallel()
	d := ashore(t, nil).ext.door
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("idempotency-key", "one"))
	info := &grpc.UnaryServerInfo{FullMethod: "/opentelemetry.proto.collector.logs.v1.LogsService/Export"}
	require.Panics(t, func() {
		_, _ = d.intercept(ctx, nil, info, func(context.Context, any) (any, error) { panic("pipeline") })
	})
	called := false
	_, err := d.intercept(ctx, nil, info, func(context.Context, any) (any, error) { called = true; return nil, nil })
	require.NoError(t, err)
	assert.True(t, called)

	info.FullMethod = "/grpc.health.v1.Health/Check"
	for range 2 {
		called = false
		_, err = d.intercept(ctx, nil, info, func(context.Context, any) (any, error) { called = true; return nil, nil })
		require.NoError(t, err)
		assert.True(t, called, "another service")
	}
}
