package mshipdedup

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// shore is an otlp receiver of the pinned release with the extension as its
// middleware, over HTTP and gRPC, in front of a pipeline that the test plays.
type shore struct {
	*pipeline
	ext        *dedupExtension
	logs       *observer.ObservedLogs
	tel        *componenttest.Telemetry
	http, grpc string
	client     *http.Client
	conn       *grpc.ClientConn
	stop       func()
}

// ashore starts a shore. storage is nil, or what its keys are stored in.
func ashore(t testing.TB, disk storage.Extension, change ...func(*Config)) *shore {
	t.Helper()
	cfg := createDefaultConfig()
	host := hosts{}
	if disk != nil {
		id := component.MustNewID("disk")
		host[id], cfg.Storage = disk, &id
	}
	for _, c := range change {
		c(cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.InfoLevel)
	s := &shore{pipeline: &pipeline{}, logs: logs, tel: componenttest.NewTelemetry()}
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = s.tel.NewTelemetrySettings()
	set.ID, set.Logger = component.NewID(NewFactory().Type()), zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	s.ext = ext.(*dedupExtension)
	ctx := context.WithoutCancel(t.Context())
	require.NoError(t, s.ext.Start(ctx, host))
	host[set.ID] = s.ext
	stopReceiver := s.receive(t, host, "mship_dedup")
	s.stop = sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		_ = s.conn.Close()
		stopReceiver()
		require.NoError(t, s.ext.Shutdown(ctx))
		require.NoError(t, s.tel.Shutdown(ctx))
	})
	t.Cleanup(s.stop)
	return s
}

// receive starts the otlp receiver in front of the pipeline.
func (s *shore) receive(t testing.TB, host hosts, middlewares ...string) (stop func()) {
	t.Helper()
	var used []any
	for _, id := range middlewares {
		used = append(used, map[string]any{"id": id})
	}
	factory := otlpreceiver.NewFactory().(xreceiver.Factory)
	cfg := factory.CreateDefaultConfig()
	server := map[string]any{"endpoint": "127.0.0.1:0", "middlewares": used, "include_metadata": true}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": server, "grpc": server}}).Unmarshal(cfg))
	core, logs := observer.New(zap.InfoLevel)
	set := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	set.Logger = zap.New(core)
	ctx := context.WithoutCancel(t.Context())
	var receivers []component.Component
	for _, create := range []func() (component.Component, error){
		func() (component.Component, error) { return factory.CreateLogs(ctx, set, cfg, s.pipeline.logs()) },
		func() (component.Component, error) { return factory.CreateMetrics(ctx, set, cfg, s.pipeline.metrics()) },
		func() (component.Component, error) { return factory.CreateTraces(ctx, set, cfg, s.pipeline.traces()) },
		func() (component.Component, error) {
			return factory.CreateProfiles(ctx, set, cfg, s.pipeline.profiles())
		},
	} {
		r, err := create()
		require.NoError(t, err)
		receivers = append(receivers, r)
	}
	for _, r := range receivers {
		require.NoError(t, r.Start(ctx, host))
	}
	s.http = "http://" + endpoint(t, logs, "Starting HTTP server")
	s.grpc = endpoint(t, logs, "Starting GRPC server")
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	var err error
	s.conn, err = grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	return func() {
		for _, r := range receivers {
			require.NoError(t, r.Shutdown(ctx))
		}
	}
}

// endpoint is where the receiver says that it listens.
func endpoint(t testing.TB, logs *observer.ObservedLogs, message string) string {
	t.Helper()
	found := logs.FilterMessage(message).All()
	require.Len(t, found, 1)
	return found[0].ContextMap()["endpoint"].(string)
}

type hosts map[component.ID]component.Component

func (h hosts) GetExtensions() map[component.ID]component.Component { return h }

// pipeline counts what it is given, and does what the test says before it takes it.
type pipeline struct {
	mu   sync.Mutex
	seen int
	do   func(ctx context.Context) error
}

func (p *pipeline) take(ctx context.Context) error {
	p.mu.Lock()
	p.seen++
	do := p.do
	p.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(ctx)
}

// does sets what happens to a request in the pipeline.
func (p *pipeline) does(do func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.do = do
}

// tried is how many requests came to the pipeline.
func (p *pipeline) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func (p *pipeline) logs() consumer.Logs {
	c, _ := consumer.NewLogs(func(ctx context.Context, _ plog.Logs) error { return p.take(ctx) })
	return c
}

func (p *pipeline) metrics() consumer.Metrics {
	c, _ := consumer.NewMetrics(func(ctx context.Context, _ pmetric.Metrics) error { return p.take(ctx) })
	return c
}

func (p *pipeline) traces() consumer.Traces {
	c, _ := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error { return p.take(ctx) })
	return c
}

func (p *pipeline) profiles() xconsumer.Profiles {
	c, _ := xconsumer.NewProfiles(func(ctx context.Context, _ pprofile.Profiles) error { return p.take(ctx) })
	return c
}

// disk is a storage extension in memory that outlives the shores that use it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu     sync.Mutex
	values map[string][]byte
	err    error
	// hold is closed when a Batch that sets something may be done; nil is at once.
	hold chan struct{}
}

func newDisk() *disk { return &disk{values: map[string][]byte{}} }

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return &client{d}, nil
}

// fails has every Batch that sets something fail, or none.
func (d *disk) fails(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// holds has every Batch that sets something wait for the channel.
func (d *disk) holds(until chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hold = until
}

// killed is what is left when everything ends at this moment.
func (d *disk) killed() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{values: maps.Clone(d.values)}
}

type client struct{ *disk }

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *client) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	hold := c.hold
	c.mu.Unlock()
	for _, op := range ops {
		if op.Type == storage.Set && hold != nil {
			<-hold
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range ops {
		if op.Type == storage.Set && c.err != nil {
			return c.err
		}
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.values[op.Key]
		case storage.Set:
			c.values[op.Key] = op.Value
		case storage.Delete:
			delete(c.values, op.Key)
		}
	}
	return nil
}

func (c *client) Close(context.Context) error { return nil }
