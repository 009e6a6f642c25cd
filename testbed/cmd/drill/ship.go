package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/otelcol-mship/otelcol-mship/testbed/agent"
	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

//go:embed inputs.yaml.tmpl
var inputs string

// startTries is how often a ship is started before a taken port is an error.
const startTries = 3

// ship is the agent and where it takes syslog over TCP.
type ship struct {
	*agent.Agent
	rfc3164, rfc5424 string // host:port
}

// startGateway starts an agent ashore whose files lie in dir and which hands on to endpoint.
func startGateway(dir, endpoint string) (*agent.Agent, error) {
	dir = filepath.Join(dir, "gateway")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return agent.New(dir, agent.Forwarding(agent.Config{Endpoint: endpoint}))
}

// startShip starts an agent whose files lie in dir and whose far end is endpoint.
func startShip(dir, endpoint string, s script) (*ship, error) {
	dir = filepath.Join(dir, "ship")
	err := os.Mkdir(dir, 0o700)
	if err != nil {
		return nil, err
	}
	for range startTries {
		var ports []int
		if ports, err = port.Free(2); err != nil {
			return nil, err
		}
		var a *agent.Agent
		if a, err = agent.New(dir, config(endpoint, s, ports)); err == nil {
			return &ship{a, local(ports[0]), local(ports[1])}, nil
		}
		if !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, err
}

func config(endpoint string, s script, ports []int) agent.Config {
	return agent.Config{
		Endpoint: endpoint,
		Timeout:  s.timeout,
		Breaker:  agent.Breaker{OpenDuration: s.openFor},
		Overlay:  inputs,
		Vars:     map[string]any{"Scrapes": s.scrapes, "RFC3164": ports[0], "RFC5424": ports[1]},
	}
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// why is the error that the newest of these lines of the agent's log gives, or
// "" if there is none. A line of the collector has its fields as JSON at the end.
func why(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	var fields struct{ Error string }
	if start := strings.Index(line, "{"); start >= 0 {
		_ = json.Unmarshal([]byte(line[start:]), &fields) // no reason to be found is no error
	}
	return fields.Error
}
