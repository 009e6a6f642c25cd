package agent

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Exit says how a process ended.
type Exit struct {
	Code   int           // exit status; -1 if a signal ended it
	Took   time.Duration // from the signal to the end; 0 if it ended by itself
	Forced bool          // SIGTERM did not do
}

// String is for messages.
func (e Exit) String() string {
	return fmt.Sprintf("exit status %d after %s, forced %t", e.Code, e.Took.Round(time.Millisecond), e.Forced)
}

// signalGrace is how long after "ready" SIGTERM is held back. The collector says
// that it is ready a moment before it listens for signals; one that comes in
// between ends it on the spot.
const signalGrace = 300 * time.Millisecond

// process is one run of the binary.
type process struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when it has ended and its output is read
	ready time.Time     // zero until it was; written before anybody may stop it
}

// command prepares a run of the binary in dir, in a process group of its own.
// env is added to the environment of this process.
func command(binary string, args []string, dir string, env []string) *exec.Cmd {
	cmd := exec.Command(binary, args...) //nolint:gosec // the binary under test
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = leash()
	return cmd
}

// spawn starts the binary; it dies with this process.
func spawn(binary string, args []string, dir string, env []string, stderr io.Writer) (*process, error) {
	p := &process{cmd: command(binary, args, dir, env), done: make(chan struct{})}
	p.cmd.Stderr = stderr
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it, so this
		// thread has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // ProcessState tells
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop ends the process with SIGTERM, or after stopPatience with SIGKILL.
func (p *process) stop() Exit {
	if !p.running() {
		return p.exit()
	}
	p.awaitSignals()
	begin := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has just ended
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	forced := false
	select {
	case <-p.done:
	case <-patience.C:
		forced = true
		p.kill()
	}
	exit := p.exit()
	exit.Took, exit.Forced = time.Since(begin), forced
	return exit
}

// awaitSignals waits until the process listens for signals, or has ended.
func (p *process) awaitSignals() {
	grace := time.NewTimer(time.Until(p.ready.Add(signalGrace)))
	defer grace.Stop()
	select {
	case <-grace.C:
	case <-p.done:
	}
}

// kill ends the process with SIGKILL.
func (p *process) kill() Exit {
	if !p.running() {
		return p.exit()
	}
	begin := time.Now()
	_ = p.cmd.Process.Signal(os.Kill) // fails only if it has just ended
	<-p.done
	exit := p.exit()
	exit.Took = time.Since(begin)
	return exit
}

// exit is the exit of a process that has ended.
func (p *process) exit() Exit {
	<-p.done
	return Exit{Code: p.cmd.ProcessState.ExitCode()}
}
