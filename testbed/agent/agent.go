// Package agent runs the built otelcol-mship binary as a ship would: with a
// configuration, data directories that outlive a restart, and a log.
//
// The binary is built once per test process; the environment variable
// MSHIP_BINARY names one that is built already.
package agent

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	startPatience = 30 * time.Second // until the agent must be ready
	stopPatience  = 30 * time.Second // until Stop gives up on SIGTERM and kills
	portTries     = 10               // starts before a taken port is an error
)

// Agent is one agent and its directories. Its methods are safe for concurrent
// use, but for those that restart it: call these one at a time.
type Agent struct {
	binary string
	dir    string
	log    *Log
	ports  Ports  // the same after every restart
	config Config // changed by restarts only

	mu      sync.Mutex // guards process
	process *process   // the newest one; it may have ended
}

// New builds the binary if need be and starts an agent whose files all lie in
// dir. It returns when the agent is ready. If the agent ends before that, the
// error is a *StartError. The caller ends the agent with Stop or Kill.
func New(dir string, cfg Config) (*Agent, error) {
	binary, err := cfg.binary()
	if err != nil {
		return nil, err
	}
	log, err := newLog(filepath.Join(dir, "agent.log"))
	if err != nil {
		return nil, err
	}
	a := &Agent{binary: binary, dir: dir, log: log, config: cfg}
	if err := a.start(true); err != nil {
		return nil, errors.Join(err, log.close())
	}
	return a, nil
}

// Start starts an agent that ends with the test, in a directory of the test's.
func Start(t testing.TB, cfg Config) *Agent {
	t.Helper()
	a, err := New(t.TempDir(), cfg)
	if err != nil {
		t.Fatalf("agent: %v", err)
	}
	t.Cleanup(func() {
		a.Kill()
		_ = a.log.close() // a log file that cannot be closed is no reason to fail
		if t.Failed() {
			t.Logf("the agent's last words:\n%s", a.log.Tail(60))
		}
	})
	return a
}

// start starts the process. Where a port is taken it tries again, with other
// ports if fresh, else with the same ones a little later.
func (a *Agent) start(fresh bool) error {
	var err error
	for try := range portTries {
		if fresh {
			if a.ports, err = freePorts(); err != nil {
				return err
			}
		}
		if err = a.startOnce(); err == nil {
			return nil
		}
		var failed *StartError
		if !errors.As(err, &failed) || !failed.portTaken() {
			return err
		}
		<-time.After(time.Duration(try) * 50 * time.Millisecond)
	}
	return err
}

// startOnce starts the process and waits until it is ready.
func (a *Agent) startOnce() error {
	args, err := a.config.write(a.dir, a.ports)
	if err != nil {
		return err
	}
	mark := a.log.Len()
	p, err := spawn(a.binary, args, a.dir, a.config.Env, a.log)
	if err != nil {
		return err
	}
	if err := a.awaitReady(p, mark); err != nil {
		return &StartError{Reason: err, Exit: p.kill(), Log: a.log.from(mark)}
	}
	p.ready = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.process = p
	return nil
}

// current is the newest process.
func (a *Agent) current() *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.process
}

// Stop ends the agent with SIGTERM and says how that went. An agent that does
// not end within 30 s is killed.
func (a *Agent) Stop() Exit { return a.current().stop() }

// Kill ends the agent with SIGKILL, as a power cut would.
func (a *Agent) Kill() Exit { return a.current().kill() }

// Running reports whether the process lives.
func (a *Agent) Running() bool { return a.current().running() }

// PID is the process id of the newest process.
func (a *Agent) PID() int { return a.current().cmd.Process.Pid }

// Restart ends the agent with SIGTERM, if it still runs, and starts it again
// on the same directories and ports.
func (a *Agent) Restart() error { return a.RestartWith(nil) }

// RestartWith restarts as Restart does, with a configuration that change has
// been applied to.
func (a *Agent) RestartWith(change func(*Config)) error {
	a.Stop()
	if change != nil {
		change(&a.config)
	}
	return a.start(false)
}

// HTTPEndpoint is the base URL of the agent's OTLP/HTTP receiver.
func (a *Agent) HTTPEndpoint() string { return "http://" + a.address(a.ports.HTTP) }

// GRPCEndpoint is the target of the agent's OTLP/gRPC receiver.
func (a *Agent) GRPCEndpoint() string { return a.address(a.ports.GRPC) }

// MetricsURL is the agent's own Prometheus page.
func (a *Agent) MetricsURL() string {
	return "http://" + a.address(a.ports.Metrics) + "/metrics"
}

// HealthURL is the page of the health_check extension.
func (a *Agent) HealthURL() string { return "http://" + a.address(a.ports.Health) + "/" }

func (a *Agent) address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// Dir is the working directory of the agent.
func (a *Agent) Dir() string { return a.dir }

// StorageDir is the directory of its storage extension.
func (a *Agent) StorageDir() string { return storageDir(a.dir) }

// DeadLetterDir is the directory of its dead letters.
func (a *Agent) DeadLetterDir() string { return a.config.deadLetters(a.dir) }

// Log is what the agent has written to stderr, over all restarts.
func (a *Agent) Log() *Log { return a.log }

// LogLines lists the lines of the log that contain substr.
func (a *Agent) LogLines(substr string) []string { return a.log.Lines(substr) }

// StartError says that an agent did not become ready.
type StartError struct {
	Reason error
	Exit   Exit
	Log    string // what it wrote in this attempt
}

// Error shows the log, which says why.
func (e *StartError) Error() string {
	return fmt.Sprintf("the agent did not start: %v (%s)\n%s", e.Reason, e.Exit, e.Log)
}

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Reason }

// Validate runs "otelcol-mship validate" on the configuration and returns what
// it wrote. The error is nil if the configuration is accepted.
func Validate(dir string, cfg Config) (string, error) {
	binary, err := Binary()
	if err != nil {
		return "", err
	}
	ports, err := freePorts()
	if err != nil {
		return "", err
	}
	args, err := cfg.write(dir, ports)
	if err != nil {
		return "", err
	}
	out, err := command(binary, append([]string{"validate"}, args...), dir, cfg.Env).CombinedOutput()
	return string(out), err
}

// Effective is the configuration as the binary understands it, with every
// default filled in, as YAML. Settings that hold secrets are redacted.
func Effective(dir string, cfg Config) (string, error) {
	binary, err := Binary()
	if err != nil {
		return "", err
	}
	args, err := cfg.write(dir, Ports{})
	if err != nil {
		return "", err
	}
	var complaint bytes.Buffer
	cmd := command(binary, append([]string{"print-config"}, args...), dir, cfg.Env)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("print the configuration: %w: %s", err, complaint.String())
	}
	return string(out), nil
}

func storageDir(dir string) string    { return filepath.Join(dir, "queue") }
func deadLetterDir(dir string) string { return filepath.Join(dir, "dlq") }

// writeFile writes a file only its owner can read.
func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
