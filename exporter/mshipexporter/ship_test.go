package mshipexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/hosttest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/metadata"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/sinktest"
	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/storagetest"
)

// aboard is an exporter with its three signals, on a storage in memory.
type aboard struct {
	t       *testing.T
	host    *hosttest.Host
	set     exporter.Settings
	cfg     *Config
	log     *observer.ObservedLogs
	logs    exporter.Logs
	metrics exporter.Metrics
	traces  exporter.Traces
}

// plainSink is the sink of most tests here: it needs no network.
const plainSink = `{sink: {fakesink: {}}}`

// board makes the exporter; it is not started.
func board(t *testing.T, disk *storagetest.Storage, shore *sinktest.Shore, settings string, adjust ...func(*Config)) *aboard {
	t.Helper()
	core, log := observer.New(zap.InfoLevel)
	a := &aboard{t: t, cfg: load(t, settings), log: log}
	a.cfg.DeadLetter.Directory = t.TempDir()
	a.cfg.Queue.Get().StorageID = &storagetest.ID
	for _, f := range adjust {
		f(a.cfg)
	}
	a.host = hosttest.New(map[component.ID]component.Component{storagetest.ID: disk}, shore.Plain(), shore.HTTP())
	a.set = exportertest.NewNopSettings(metadata.Type)
	a.set.ID = component.MustNewIDWithName("mship", "shore")
	a.set.Logger = zap.New(core)
	a.create()
	return a
}

func (a *aboard) create() {
	a.t.Helper()
	factory := NewFactory()
	var err error
	a.logs, err = factory.CreateLogs(a.t.Context(), a.set, a.cfg)
	require.NoError(a.t, err)
	a.metrics, err = factory.CreateMetrics(a.t.Context(), a.set, a.cfg)
	require.NoError(a.t, err)
	a.traces, err = factory.CreateTraces(a.t.Context(), a.set, a.cfg)
	require.NoError(a.t, err)
}

func (a *aboard) components() []component.Component {
	return []component.Component{a.logs, a.metrics, a.traces}
}

func (a *aboard) start() *aboard {
	a.t.Helper()
	for _, c := range a.components() {
		require.NoError(a.t, c.Start(a.t.Context(), a.host))
	}
	return a
}

// stop ends the exporter and gives how long it took.
func (a *aboard) stop() time.Duration {
	a.t.Helper()
	begin := time.Now()
	for _, c := range a.components() {
		require.NoError(a.t, c.Shutdown(context.Background()))
	}
	return time.Since(begin)
}

func (a *aboard) lines(message string) int {
	return a.log.FilterMessageSnippet(message).Len()
}

// load decodes settings in YAML into the default configuration.
func load(t *testing.T, yaml string) *Config {
	t.Helper()
	cfg := createDefaultConfig()
	require.NoError(t, parse(t, yaml).Unmarshal(cfg))
	return cfg
}

func parse(t *testing.T, yaml string) *confmap.Conf {
	t.Helper()
	r, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := r.AsConf()
	require.NoError(t, err)
	return conf
}
