package agent_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
	"github.com/otelcol-mship/otelcol-mship/testbed/tally"
)

func TestMain(m *testing.M) {
	code := agent.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// stock is an agent with a stock exporter in place of mship.
func stock(sink, endpoint string) agent.Config {
	return agent.Config{
		Stock: true, Sink: sink, Endpoint: endpoint, Compression: "zstd",
		Retry: agent.Retry{InitialInterval: 50 * time.Millisecond, MaxInterval: 200 * time.Millisecond},
	}
}

// senders are one HTTP and one gRPC client of the agent, used in turn.
func senders(t *testing.T, a *agent.Agent) load.Sender {
	t.Helper()
	overGRPC, err := load.NewGRPC(a.GRPCEndpoint())
	require.NoError(t, err)
	s := load.Alternate(load.NewHTTP(a.HTTPEndpoint()), overGRPC)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func TestRecordsGoThroughTheBinaryOverARestartAndAnOutage(t *testing.T) {
	t.Parallel()
	for sink, endpoint := range map[string]func(*shore.Shore) string{
		"otlp_http": (*shore.Shore).HTTPEndpoint,
		"otlp_grpc": (*shore.Shore).GRPCEndpoint,
	} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			const records = 900
			far := shore.Start(t)
			far.Down()
			a := agent.Start(t, stock(sink, endpoint(far)))
			ledger := load.NewLedger()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()

			load.Run(ctx, senders(t, a), load.Plan{Records: records, Batch: 50}, ledger)
			require.Equal(t, records, ledger.AcknowledgedCount())
			assert.Zero(t, far.Delivered())
			require.NoError(t, a.Restart())
			require.NoError(t, far.Up())

			require.Eventually(t, func() bool { return far.Delivered() == records },
				30*time.Second, 20*time.Millisecond)
			balance := tally.Compare(ledger.Acknowledged(), far.Counts(), nil)
			assert.True(t, balance.Complete(), balance)
			exit := a.Stop()
			assert.Zero(t, exit.Code, exit)
			assert.False(t, exit.Forced, exit)
		})
	}
}

func TestAgentShowsItsMetricsAndLog(t *testing.T) {
	t.Parallel()
	a := agent.Start(t, stock("otlp_http", shore.Start(t).HTTPEndpoint()))

	_, found := a.Metric("otelcol_exporter_queue_capacity", map[string]string{"exporter": "otlp_http"})
	assert.True(t, found)
	assert.NotEmpty(t, a.LogLines("Everything is ready"))
	assert.DirExists(t, a.StorageDir())

	mark := a.Log().Len()
	require.NoError(t, a.RestartWith(func(c *agent.Config) { c.LogLevel = "warn" }))
	assert.Empty(t, a.Log().Since(mark, "Everything is ready"))
}

func TestKillIsNoCleanEnd(t *testing.T) {
	t.Parallel()
	a := agent.Start(t, stock("otlp_http", shore.Start(t).HTTPEndpoint()))

	exit := a.Kill()
	assert.Equal(t, -1, exit.Code)
	assert.False(t, a.Running())
	assert.Empty(t, a.LogLines("Shutdown complete"))
	require.NoError(t, a.Restart())
	assert.True(t, a.Running())
	assert.Zero(t, a.Stop().Code)
	assert.NotEmpty(t, a.LogLines("Shutdown complete"))
}

func TestBadSettingsAreAStartError(t *testing.T) {
	t.Parallel()
	cfg := stock("otlp_http", "http://127.0.0.1:1")
	cfg.Overlay = "exporters: {otlp_http: {compression: morse}}"

	_, err := agent.New(t.TempDir(), cfg)
	var failed *agent.StartError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Log, "morse")
	assert.NotZero(t, failed.Exit.Code)

	out, err := agent.Validate(t.TempDir(), cfg)
	require.Error(t, err)
	assert.Contains(t, out, "morse")
	_, err = agent.Validate(t.TempDir(), stock("otlp_http", "http://127.0.0.1:1"))
	assert.NoError(t, err)
}

// Of the two kinds ashore, each is asked the same thing twice.
func TestAgentsAshoreTakeAKeyOnce(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]func(agent.Config) agent.Config{
		"forwarding": agent.Forwarding, "remembering": agent.Remembering,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far := shore.Start(t)
			ashore := agent.Start(t, kind(agent.Config{Endpoint: far.HTTPEndpoint()}))
			link := shore.Start(t, shore.RelayTo(ashore.HTTPEndpoint(), ashore.GRPCEndpoint()),
				shore.WithFault(shore.Sequence(shore.TakeAndReset(), shore.Accept())))
			ship := agent.Start(t, agent.Config{
				Endpoint: link.HTTPEndpoint(), Retry: agent.Retry{InitialInterval: 10 * time.Millisecond},
			})
			s := senders(t, ship)
			require.NoError(t, s.Send(t.Context(), load.Batch{Signal: record.Logs, N: 3}))

			require.Eventually(t, func() bool { return link.Repeats() == 1 && far.Delivered() == 3 },
				30*time.Second, 20*time.Millisecond)
			assert.Equal(t, map[int64]int{0: 1, 1: 1, 2: 1}, far.Counts())
			assert.Empty(t, link.ChangedKeys())
		})
	}
}
