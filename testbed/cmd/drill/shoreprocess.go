package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// orderPatience bounds how long the shore takes for an order.
const orderPatience = 15 * time.Second

// shoreProcess is the shore as the drill sees it: a child. Its methods are
// called one at a time.
type shoreProcess struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *json.Decoder
	first   log // its greeting
}

// startShore starts this program once more, as the shore.
func startShore() (*shoreProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-shore") //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &shoreProcess{cmd: cmd, orders: orders, answers: json.NewDecoder(answers)}
	if p.first, err = p.answer(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *shoreProcess) pid() int { return p.cmd.Process.Pid }

// ask gives an order and returns the answer to it. An error means that the
// shore is of no use any more.
func (p *shoreProcess) ask(o order) (log, error) {
	if err := json.NewEncoder(p.orders).Encode(o); err != nil {
		return log{}, fmt.Errorf("the shore died: %w", err)
	}
	return p.answer()
}

func (p *shoreProcess) answer() (log, error) {
	patience := time.AfterFunc(orderPatience, func() { _ = p.cmd.Process.Kill() }) // fails only if it has ended
	defer patience.Stop()
	var l log
	if err := p.answers.Decode(&l); err != nil {
		return l, fmt.Errorf("the shore died: %w", err)
	}
	if l.Error != "" {
		return l, errors.New("the shore: " + l.Error)
	}
	return l, nil
}

// stop ends the shore, with force if need be.
func (p *shoreProcess) stop() {
	patience := time.AfterFunc(orderPatience, func() { _ = p.cmd.Process.Kill() })
	defer patience.Stop()
	_ = p.orders.Close() // it ends at the end of its input
	_ = p.cmd.Wait()     // how it ended says nothing: all has been told
}
