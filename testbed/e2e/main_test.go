package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

func TestMain(m *testing.M) {
	// These tests mostly wait, so that more of them than processors, which is the default, can
	// run at once. The long forms do not: more of them, and they wait for a processor of ours.
	if err := flag.Set("test.parallel", strconv.Itoa(inLong(8, 2)*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := agent.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
