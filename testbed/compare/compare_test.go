package compare

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/corpus"
	"github.com/otelcol-mship/otelcol-mship/testbed/load"
	"github.com/otelcol-mship/otelcol-mship/testbed/record"
	"github.com/otelcol-mship/otelcol-mship/testbed/shore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// slowFlushes is how much longer each flush takes: as on eMMC.
const slowFlushes = 2 * time.Millisecond

// slowDown is a script that runs the binary with slow flushes. The agent stays a child of ours.
func slowDown(b *testing.B) string {
	b.Helper()
	binary, err := agent.Binary()
	require.NoError(b, err)
	strace, err := exec.LookPath("strace")
	require.NoError(b, err, "strace slows the flushes of both down: install it (apt-get install strace)")
	script := filepath.Join(b.TempDir(), "agent")
	text := fmt.Sprintf(`#!/bin/sh
exec %s -D -f -qq --seccomp-bpf -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_exit=%d %s "$@"
`, strace, slowFlushes.Microseconds(), binary)
	require.NoError(b, os.WriteFile(script, []byte(text), 0o700))
	return script
}

// parcels are what both make of what comes in.
var parcels = agent.Batch{FlushTimeout: time.Second, MinSize: 2000, MaxSize: 10_000}

// BenchmarkSmallRequests is 16 clients that send one record at a time, on a
// disk whose flush takes 2 ms longer: how many records a second are acknowledged.
func BenchmarkSmallRequests(b *testing.B) {
	slow := slowDown(b)
	measure := func(cfg agent.Config) float64 {
		cfg.Binary = slow
		far, a := start(b, cfg)
		defer far.Close()
		defer a.Kill()
		ledger, lasts := load.NewLedger(), 5*time.Second
		send(b, a, load.Plan{Duration: lasts, Batch: 1, Workers: 16}, ledger)
		return float64(ledger.AcknowledgedCount()) / lasts.Seconds()
	}
	for b.Loop() {
		stock := measure(agent.Config{Stock: true})
		ours := measure(agent.Config{Queue: agent.Queue{Batch: parcels}})
		report(b, "records/s", ours, stock)
		if ours < 8*stock {
			b.Errorf("%.0f records a second, %.0f of the stock exporter: 8 times as many are promised", ours, stock)
		}
	}
}

// BenchmarkCPU is the CPU time of a million records, 100 a request, in parcels, over zstd: of
// syslog lines of some 494 bytes, and of 278 bytes with words at random, which are dear to compress.
// A full queue has the clients wait: what a refusal costs, and the log line of it, is not what is measured.
func BenchmarkCPU(b *testing.B) {
	b.Run("syslog", func(b *testing.B) { measureCPU(b, lines(b)) })
	b.Run("words", func(b *testing.B) { measureCPU(b, load.Logs) })
}

func measureCPU(b *testing.B, logs func(from int64, n int, at time.Time) plog.Logs) {
	b.Helper()
	const records = 300_000
	queue := agent.Queue{Batch: parcels, BlockOnOverflow: true}
	measure := func(cfg agent.Config) float64 {
		cfg.Compression = "zstd"
		far, a := start(b, cfg)
		defer far.Close()
		defer a.Kill()
		before := cpu(b, a.PID())
		send(b, a, load.Plan{Records: records, Batch: 100, Logs: logs}, load.NewLedger())
		for end := time.Now().Add(2 * time.Minute); far.Delivered() < records; <-time.After(50 * time.Millisecond) {
			require.True(b, time.Now().Before(end), "only %d records are ashore", far.Delivered())
		}
		return (cpu(b, a.PID()) - before).Seconds() * 1_000_000 / records
	}
	for b.Loop() {
		var stocks, all []float64
		for range rounds { // in turn: what else the machine does hits both
			stocks = append(stocks, measure(agent.Config{Stock: true, Queue: queue}))
			all = append(all, measure(agent.Config{Queue: queue}))
		}
		b.Logf("ours %.1f, stock %.1f", all, stocks)
		ours, stock := median(all), median(stocks)
		report(b, "cpu-s/million", ours, stock)
		if ours > stock/2 {
			b.Errorf("%.2f s of CPU for a million records, %.2f of the stock exporter: half is promised", ours, stock)
		}
	}
}

// lines are syslog records, numbered, of some 494 bytes.
func lines(b *testing.B) func(from int64, n int, at time.Time) plog.Logs {
	b.Helper()
	return func(from int64, n int, at time.Time) plog.Logs {
		source, err := corpus.New(corpus.Syslog, corpus.Settings{Seed: uint64(from), Start: at})
		assert.NoError(b, err)
		raw, err := source.Next(n)
		assert.NoError(b, err)
		request := plogotlp.NewExportRequest()
		assert.NoError(b, request.UnmarshalProto(raw))
		ld := request.Logs()
		for i, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			lr.Attributes().PutInt(record.Attribute, from+int64(i))
			host, _ := lr.Attributes().Get("hostname")
			lr.Attributes().PutStr("log.file.path", "/var/log/remote/vessel-imo9321483/"+host.Str()+"/syslog.log")
		}
		return ld
	}
}

// rounds of what varies from one to the next.
const rounds = 9

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func report(b *testing.B, unit string, ours, stock float64) {
	b.Helper()
	b.ReportMetric(ours, unit)
	b.ReportMetric(stock, "stock-"+unit)
	b.ReportMetric(ours/stock, "x-"+unit)
}

func start(b *testing.B, cfg agent.Config) (*shore.Shore, *agent.Agent) {
	b.Helper()
	far := shore.Start(b)
	cfg.Endpoint = far.HTTPEndpoint()
	return far, agent.Start(b, cfg)
}

func send(b *testing.B, a *agent.Agent, plan load.Plan, ledger *load.Ledger) {
	b.Helper()
	plan.Mix = []record.Signal{record.Logs}
	client := load.NewHTTP(a.HTTPEndpoint())
	load.Run(context.Background(), client, plan, ledger)
	require.NoError(b, client.Close())
}

// cpu is the time that a process has had, in user mode and in the kernel (proc(5), /proc/pid/stat).
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	const perSecond = 100 // USER_HZ, on every Linux that we know
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(b, err)
	return time.Duration(user+system) * time.Second / perSecond
}
