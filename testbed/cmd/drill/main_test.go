package main

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// asDrill makes the test binary the drill itself, so that the drill can be
// started as a program, and can start itself once more as the shore.
const asDrill = "MSHIP_TEST_IS_DRILL"

func TestMain(m *testing.M) {
	if os.Getenv(asDrill) != "" {
		main()
	}
	if err := os.Setenv(asDrill, "1"); err != nil {
		panic(err)
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
