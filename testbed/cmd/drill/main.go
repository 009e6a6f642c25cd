// Command drill shows what the agent does when the link breaks, and counts
// what is lost and what is doubled: nothing, or it ends with exit status 1.
//
//	drill ── OTLP, syslog ──▶ ship ──▶ link ──▶ gateway ──▶ back end
//	  └──── steers link and back end, over stdin and stdout ───┘
//
// The ship and the gateway ashore, which takes each batch once, are the built
// agent; link and back end are one process, drill -shore. All of it is on
// loopback. Each numbered record is looked for at the back end, which knows no
// keys; the points of the host metrics, which have no numbers, are counted.
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

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

func main() { os.Exit(status(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// status runs the command line and is its exit status: 0 if nothing was lost or
// doubled, 1 if something was or if the drill could not be finished, 2 for bad flags.
func status(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", filepath.Join("bin", "otelcol-mship"), "the built agent")
	short := flags.Bool("short", false, "about 25 s in place of 90")
	asShore := flags.Bool("shore", false, "be the shore, steered over stdin (the drill starts it so)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *asShore {
		signal.Ignore(os.Interrupt) // Ctrl-C goes to the drill as well, which ends us
		return report(serveShore(stdin, stdout), stderr)
	}
	if err := choose(*binary); err != nil {
		return report(err, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends us on the spot
	s := fullScript()
	if *short {
		s = shortScript()
	}
	return report(perform(ctx, s, os.TempDir(), stdout), stderr)
}

func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "drill:", err)
	return 1
}

// choose makes package agent run this binary.
func choose(binary string) error {
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("there is no agent to drill (make build): %w", err)
	}
	return os.Setenv(agent.BinaryVariable, binary)
}
