package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
)

// bound is how long a drill may take at the very most.
const bound = 3 * time.Minute

// program is the drill as a process of its own, in a process group of its own
// as a shell would give it.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := agent.Binary()
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	args = append([]string{"-binary", binary}, args...)
	if os.Getenv("MSHIP_LONG") == "" { // make soak plays the whole of it
		args = append(args, "-short")
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func TestDrillLosesNothing(t *testing.T) {
	t.Parallel()
	cmd := program(t)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	out := string(text)
	t.Logf("%s%s", out, &stderr)
	require.NoError(t, err, "exit status")
	assert.Empty(t, stderr.String())
	assert.Contains(t, out, "\nNothing was lost, and nothing came twice.\n")
	assert.Regexp(t, `(?m)^all +[1-9][\d,]+ +[1-9][\d,]+ +0 +0 +0$`, out)
	assert.Regexp(t, `(?m)^loses answers .* \d+ x answer lost`, out)
	assert.Equal(t, 2, strings.Count(out, "the plug is pulled: kill -9"))
	for _, p := range shortScript().phases {
		assert.Contains(t, out, ": "+p.title+"\n")
		assert.Regexp(t, `(?m)^`+p.link+` +\d+\.\d +[1-9]`, out, "a row with something sent")
	}
	for link, f := range map[string]struct{ counted, said string }{
		"refuses connections": {"refused", "connection refused"}, "hangs": {"silence", "silent"}, "answers 503": {"503", "answered 503"},
		"answers 500": {"500", "answered 500"}, "captive portal": {"200 text/html", "text/html"},
	} {
		assert.Regexp(t, `(?m)^`+link+` .* \d+ x `+f.counted, out)
		if closedBefore(t, out, link) {
			assert.Regexp(t, `(?s)the breaker opens: [^*]*`+f.said, out)
		}
	}
	for line := range strings.Lines(out) {
		assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 100, line)
	}
	assert.NotContains(t, out, "\x1b", "no terminal, no colours")
	assertNoneRuns(t, pids(out))
	assertEmpty(t, cmd)
}

// closedBefore says whether the breaker was closed when the phase began: it opens once
// for an outage, and a busy machine may have opened it in the phase before.
func closedBefore(t *testing.T, out, link string) bool {
	t.Helper()
	for _, p := range shortScript().phases {
		if p.link == link {
			before, _, found := strings.Cut(out, ": "+p.title+"\n")
			require.True(t, found, p.title)
			return strings.LastIndex(before, "*** the breaker opens") <= strings.LastIndex(before, "*** the breaker closes")
		}
	}
	require.Fail(t, "there is no such phase", link)
	return false
}

// The shore throws away for two seconds what it says it took. A drill that did
// not see this would prove nothing.
func TestALostRecordMakesExitStatusOne(t *testing.T) {
	t.Parallel()
	if os.Getenv(agent.BinaryVariable) == "" {
		_, err := agent.Binary()
		require.NoError(t, err)
	}
	s := shortScript()
	s.phases = []phase{
		{title: "all is well", link: "up", fault: accept, lasts: 2 * time.Second},
		{title: "the shore throws away what it takes", link: "lies", fault: swallow, lasts: 2 * time.Second},
		{title: "all is well again", link: "up", fault: accept, lasts: time.Second},
	}
	s.patience = 2 * time.Second
	tmp := t.TempDir()
	var out, stderr strings.Builder
	assert.Equal(t, 1, report(perform(t.Context(), s, tmp, &out), &stderr))
	t.Logf("%s%s", &out, &stderr)
	assert.NotContains(t, out.String(), "Nothing was lost")
	assert.Regexp(t, `OTLP: [^\n]*: LOST \d+: \d+`, stderr.String())
	assert.Regexp(t, `syslog [^\n]*: LOST \d+: 1\d{9}`, stderr.String())
	assert.Regexp(t, `host metrics: [^\n]*: LOST \d+`, stderr.String())
	assert.Contains(t, stderr.String(), tmp, "where the agent's files are")
}

func TestADrillThatIsCutShort(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cut  func(t *testing.T, drill, ship, gateway, shore int)
		want string
	}{
		"ctrl-c": {
			// A terminal sends it to the whole process group.
			func(t *testing.T, drill, _, _, _ int) { require.NoError(t, syscall.Kill(-drill, syscall.SIGINT)) },
			"interrupted",
		},
		"the ship dies": {
			func(t *testing.T, _, ship, _, _ int) { require.NoError(t, syscall.Kill(ship, syscall.SIGKILL)) },
			"the agents' logs, queues and dead letters are in ",
		},
		"the gateway dies": {
			func(t *testing.T, _, _, gateway, _ int) { require.NoError(t, syscall.Kill(gateway, syscall.SIGKILL)) },
			"the gateway died",
		},
		"the shore dies": {
			func(t *testing.T, _, _, _, shore int) { require.NoError(t, syscall.Kill(shore, syscall.SIGKILL)) },
			"the shore died",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := program(t)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			out := readUntil(t, stdout, "the link dies")
			processes := pids(out)
			require.Len(t, processes, 3, out)
			test.cut(t, cmd.Process.Pid, processes[0], processes[1], processes[2])
			rest, err := io.ReadAll(stdout)
			require.NoError(t, err)
			require.Error(t, cmd.Wait())
			assert.Equal(t, 1, cmd.ProcessState.ExitCode())
			assert.Contains(t, stderr.String(), test.want)
			assert.NotContains(t, string(rest), "Nothing was lost")
			assertNoneRuns(t, processes)
		})
	}
}

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	for want, args := range map[int][]string{
		0: {"-help"},
		1: {"-binary", "no/such/agent"},
		2: {"-unheard-of"},
	} {
		var stderr strings.Builder
		assert.Equal(t, want, status(args, nil, io.Discard, &stderr), args)
		assert.NotEmpty(t, stderr.String())
	}
}

// readUntil reads lines up to the one that contains substr.
func readUntil(t *testing.T, r io.Reader, substr string) string {
	t.Helper()
	var text strings.Builder
	for s := bufio.NewScanner(io.TeeReader(r, &text)); s.Scan(); {
		if strings.Contains(s.Text(), substr) {
			return text.String()
		}
	}
	require.Fail(t, "the drill ended", text.String())
	return ""
}

var pid = regexp.MustCompile(`(?m)^  (?:ship|gateway|shore) +process (\d+)`)

// pids are the processes of ship, gateway and shore, as the drill tells them.
func pids(out string) []int {
	var found []int
	for _, match := range pid.FindAllStringSubmatch(out, -1) {
		n, _ := strconv.Atoi(match[1]) // digits
		found = append(found, n)
	}
	return found
}

func assertNoneRuns(t *testing.T, pids []int) {
	t.Helper()
	for _, p := range pids {
		assert.ErrorIs(t, syscall.Kill(p, 0), syscall.ESRCH, "process %d still runs", p)
	}
}

// assertEmpty holds that the drill has removed its files.
func assertEmpty(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	for _, setting := range cmd.Env {
		if dir, found := strings.CutPrefix(setting, "TMPDIR="); found && dir != os.Getenv("TMPDIR") {
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, entries)
		}
	}
}
