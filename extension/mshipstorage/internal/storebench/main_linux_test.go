package storebench

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"

	"go.uber.org/goleak"
)

// TestMain is the benchmarks' process, and that of each of their jobs: a job
// has a process of its own, whose memory, writes and flushes are the store's.
func TestMain(m *testing.M) {
	if spec, isJob := os.LookupEnv(jobVariable); isJob {
		if err := work(spec, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		printPromises()
		os.Exit(code)
	}))
}

// promise is a line of the table at the end.
type promise struct {
	what         string
	ours, theirs float64
	limit        string
	kept         bool
}

var promises []promise

func atMost(b *testing.B, what string, ours, theirs, got, limit float64) {
	b.Helper()
	keep(b, promise{what, ours, theirs, fmt.Sprintf("at most %.3g", limit), got <= limit}, got)
}

func atLeast(b *testing.B, what string, ours, theirs, got, limit float64) {
	b.Helper()
	keep(b, promise{what, ours, theirs, fmt.Sprintf("at least %.3g", limit), got >= limit}, got)
}

func keep(b *testing.B, p promise, got float64) {
	b.Helper()
	promises = append(promises, p)
	if !p.kept {
		b.Errorf("%s: %.3g is promised to be %s", p.what, got, p.limit)
	}
}

func printPromises() {
	if len(promises) == 0 {
		return
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "\npromise\tmship_storage\tfile_storage\tratio\tpromised\t")
	for _, p := range promises {
		theirs, ratio := "-", "-"
		if p.theirs != 0 {
			theirs, ratio = fmt.Sprintf("%.3g", p.theirs), fmt.Sprintf("%.3g", p.ours/p.theirs)
		}
		verdict := "kept"
		if !p.kept {
			verdict = "MISSED"
		}
		fmt.Fprintf(out, "%s\t%.3g\t%s\t%s\t%s\t%s\n", p.what, p.ours, theirs, ratio, p.limit, verdict)
	}
	_ = out.Flush()
}
