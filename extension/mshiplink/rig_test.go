package mshiplink

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const patience = time.Minute

// settings read as YAML would be, so that sizes and defaults take their usual way.
func settings(t testing.TB, raw map[string]any) *Config {
	t.Helper()
	cfg := createDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	return cfg
}

// aboard is a link that has started.
type aboard struct {
	*Link
	logs *observer.ObservedLogs
	tel  *componenttest.Telemetry
	host hosts
	stop func()
}

func start(t testing.TB, disk storage.Extension, now func() time.Time, raw map[string]any) *aboard {
	t.Helper()
	return startWith(t, hosts{}, disk, now, raw)
}

func startWith(t testing.TB, host hosts, disk storage.Extension, now func() time.Time, raw map[string]any) *aboard {
	t.Helper()
	a := &aboard{host: host, tel: componenttest.NewTelemetry()}
	if disk != nil {
		a.host[component.MustNewID("disk")] = disk
		raw["storage"] = "disk"
	}
	cfg := settings(t, raw)
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = a.tel.NewTelemetrySettings()
	set.ID, set.Logger = component.MustNewIDWithName("mship_link", "vsat"), zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	a.Link, a.logs = ext.(*Link), logs
	a.now = now
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, a.Start(ctx, a.host))
	a.host[set.ID] = a.Link
	a.stop = sync.OnceFunc(func() {
		require.NoError(t, a.Shutdown(ctx))
		require.NoError(t, a.tel.Shutdown(ctx))
	})
	t.Cleanup(a.stop)
	return a
}

func (a *aboard) said(message string) int { return a.logs.FilterMessageSnippet(message).Len() }

type hosts map[component.ID]component.Component

func (h hosts) GetExtensions() map[component.ID]component.Component { return h }

// disk is a storage extension in memory.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	storage.Client

	mu     sync.Mutex
	values map[string][]byte
}

func newDisk() *disk { return &disk{values: map[string][]byte{}} }

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return d, nil
}

func (d *disk) Close(context.Context) error { return nil }

func (d *disk) Get(_ context.Context, key string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key], nil
}

func (d *disk) Set(_ context.Context, key string, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values[key] = value
	return nil
}

func (d *disk) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		if err := d.Set(ctx, op.Key, op.Value); err != nil {
			return err
		}
	}
	return nil
}

// killed is what is left when everything ends at this moment.
func (d *disk) killed() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{values: maps.Clone(d.values)}
}

// arrival is bytes at the far side of a connection, as its socket gave them.
type arrival struct {
	at    time.Time
	bytes int
}

// farSide is a listener that notes what arrives.
type farSide struct {
	net.Listener
	mu       sync.Mutex
	arrivals []arrival
	conns    []net.Conn
}

func listen(t testing.TB) *farSide {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return &farSide{Listener: l}
}

// Accept implements net.Listener.
func (f *farSide) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
	return &farConn{c, f}, nil
}

type farConn struct {
	net.Conn
	side *farSide
}

// Read implements net.Conn.
func (c *farConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.side.mu.Lock()
	defer c.side.mu.Unlock()
	if n > 0 {
		c.side.arrivals = append(c.side.arrivals, arrival{time.Now(), n})
	}
	return n, err
}

// resets breaks every connection as a bad link does.
func (f *farSide) resets() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	f.conns = nil
}

func (f *farSide) sum() (sum int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.arrivals {
		sum += a.bytes
	}
	return sum
}

// measure is the most that arrived on all sides together in any second, and bytes per second over all.
func measure(sides ...*farSide) (most int, rate float64) {
	var all []arrival
	for _, f := range sides {
		f.mu.Lock()
		all = append(all, f.arrivals...)
		f.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b arrival) int { return a.at.Compare(b.at) })
	from, inside, sum := 0, 0, 0
	for _, a := range all {
		inside += a.bytes
		sum += a.bytes
		for a.at.Sub(all[from].at) >= time.Second {
			inside -= all[from].bytes
			from++
		}
		most = max(most, inside)
	}
	return most, float64(sum) / all[len(all)-1].at.Sub(all[0].at).Seconds()
}
