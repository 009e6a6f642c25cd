// Command airtime measures on the built agent what telemetry costs on the wire
// with config/satcom.yaml, and with the stock exporter: the table of
// docs/airtime.md. All of it is on loopback; it takes about two minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/airtime"
)

func main() { os.Exit(status(os.Args[1:], os.Stdout, os.Stderr)) }

// status runs the command line and is its exit status: 0, 1 if something could
// not be measured, 2 for bad flags.
func status(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("airtime", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", filepath.Join("bin", "otelcol-mship"), "the built agent")
	lasts := flags.Duration("lasts", time.Minute, "how long ten records come in a second")
	records := flags.Int("records", 50_000, "how many come in at full rate")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := os.Setenv(agent.BinaryVariable, *binary)
	if err == nil {
		err = airtime.Table(ctx, stdout, *lasts, *records)
	}
	if err != nil {
		fmt.Fprintln(stderr, "airtime:", err)
		return 1
	}
	return 0
}
