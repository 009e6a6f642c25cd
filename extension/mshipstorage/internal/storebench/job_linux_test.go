package storebench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const jobVariable = "MSHIP_BENCH_JOB"

// job is what a process of its own does.
type job struct {
	// Work is cycle, fill, drain or open.
	Work, Store, Dir string
	// Items of Size incompressible bytes, or of Records of syslog.
	Items, Size, Records int
	// Lazy: a flush is not waited for. It fills a disk sooner.
	Lazy bool
	// Killed: the process ends without a word to the store.
	Killed bool
}

// result of a job.
type result struct {
	Seconds float64
	// Flushes are fsync, fdatasync and msync of the whole process.
	Flushes int
	// Payload that was enqueued, Written to the device, and Disk that is taken up: bytes.
	Payload, Written, Disk int64
	// Peak and Anon memory of the process, and Heap: bytes.
	Peak, Anon, Heap int64
	// Emptied is after how many seconds the disk was.
	Emptied float64
}

// work does a job.
func work(spec string, out io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(spec), &j); err != nil {
		return err
	}
	do := map[string]func(job) (result, error){"cycle": workCycle, "fill": workFill, "drain": workDrain, "open": workOpen}[j.Work]
	r, err := do(j)
	if err != nil {
		return fmt.Errorf("%s %s: %w", j.Work, j.Store, err)
	}
	return json.NewEncoder(out).Encode(r)
}

// runTraced has a job done, counts its flushes, and makes each take so much longer.
func runTraced(b *testing.B, delay time.Duration, j job) result {
	b.Helper()
	strace, err := exec.LookPath("strace")
	require.NoError(b, err, "strace counts the flushes of both stores and slows them down: install it (apt-get install strace)")
	trace := filepath.Join(b.TempDir(), "trace")
	const flushes = "fsync,fdatasync,msync"
	command := []string{strace, "-f", "-qq", "--seccomp-bpf", "-o", trace, "-e", "trace=" + flushes}
	if delay > 0 {
		command = append(command, "-e", fmt.Sprintf("inject=%s:delay_exit=%d", flushes, delay.Microseconds()))
	}
	r := run(b, j, command...)
	seen, err := os.ReadFile(trace)
	require.NoError(b, err)
	r.Flushes = len(regexp.MustCompile(`(fsync|fdatasync|msync)\(`).FindAll(seen, -1))
	return r
}

// run has a job done, under a command that runs another.
func run(b *testing.B, j job, under ...string) (r result) {
	b.Helper()
	spec, err := json.Marshal(j)
	require.NoError(b, err)
	self, err := os.Executable()
	require.NoError(b, err)
	command := slices.Concat(under, []string{self})
	cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(spec))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(b, cmd.Run(), "%s", &stderr)
	require.NoError(b, json.Unmarshal(stdout.Bytes(), &r))
	return r
}
