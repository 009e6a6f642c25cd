package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockVariable names the file of a Clock.
const clockVariable = "MSHIP_TEST_CLOCK"

// Clock is the wall clock of agents that were built by BuildWithClock. Nobody
// sets the machine's own; Linux has no namespace for that clock, and a static
// binary loads no library that could lie to it.
type Clock struct{ path string }

// NewClock makes a clock that is right; its file lies in dir.
func NewClock(dir string) (*Clock, error) {
	c := &Clock{path: filepath.Join(dir, "clock")}
	return c, c.Set(0)
}

// Set makes the clock wrong by so much, ahead or behind. Whoever reads it sees
// a jump within some milliseconds; what measures durations sees nothing.
func (c *Clock) Set(wrong time.Duration) error { return c.write(int64(wrong / time.Second)) }

// SetTo makes the clock show that time now.
func (c *Clock) SetTo(at time.Time) error { return c.write(at.Unix() - time.Now().Unix()) }

func (c *Clock) write(seconds int64) error {
	fresh := c.path + ".new" // a reader must not see half of a number
	if err := writeFile(fresh, strconv.FormatInt(seconds, 10)); err != nil {
		return err
	}
	return os.Rename(fresh, c.path)
}

// Env makes an agent read this clock.
func (c *Clock) Env() string { return clockVariable + "=" + c.path }

// BuildWithClock builds the agent, from the same source as the one that is
// shipped, with a time.Now that asks a Clock. It takes minutes, because
// everything there is stands on package time. The binary lies in dir.
func BuildWithClock(dir string) (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	overlay, err := overlayTime(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "otelcol-mship-clock")
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", path, "./cmd/otelcol-mship") //nolint:gosec // our own source
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent with a clock: %w\n%s", err, out)
	}
	return path, nil
}

// overlayTime writes what is to stand in place of two files of package time.
func overlayTime(dir string) (overlay string, err error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("where is Go: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(original, "time.go"))
	if err != nil {
		return "", err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), now) != 1 {
		return "", errors.New("time.Now is not as we know it: this release of Go needs another overlay")
	}
	changed := strings.Replace(string(source), now, now+"\tsec += wrong.Load()\n", 1)
	replace := map[string]string{}
	for name, text := range map[string]string{"time.go": changed, "wrong.go": wrongClock} {
		replace[filepath.Join(original, name)] = filepath.Join(dir, name)
		if err := writeFile(filepath.Join(dir, name), text); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, writeFile(overlay, string(list))
}

// wrongClock is a file of package time. Timers ask for the time where nothing
// may be read, so a goroutine reads ahead.
const wrongClock = `package time

import (
	"sync/atomic"
	"syscall"
)

// wrong is by how many seconds the clock is wrong.
var wrong atomic.Int64

func init() {
	if path, ok := syscall.Getenv("` + clockVariable + `"); ok {
		wrong.Store(wrongBy(path))
		go func() {
			for {
				wrong.Store(wrongBy(path))
				Sleep(Millisecond)
			}
		}()
	}
}

// wrongBy is what the file says.
func wrongBy(path string) int64 {
	fd, err := open(path)
	if err != nil {
		return wrong.Load()
	}
	defer closefd(fd)
	var text [24]byte
	n, _ := read(fd, text[:])
	sign, seconds := int64(1), int64(0)
	for _, c := range text[:max(n, 0)] {
		if c == '-' {
			sign = -1
		} else {
			seconds = 10*seconds + int64(c-'0')
		}
	}
	return sign * seconds
}
`
