// Package record gives telemetry records a number, and finds it again.
//
// A record is what a user would miss: one log record, one span or one metric
// data point. The number travels as an int attribute of that record, so that
// it survives any batching and splitting on the way.
package record

import "fmt"

// Attribute is the key of the int attribute that carries a record's number.
const Attribute = "mship.record"

// Signal is the kind of telemetry a record belongs to.
type Signal string

// The three signals. Their text is the one the collector uses.
const (
	Logs    Signal = "logs"
	Metrics Signal = "metrics"
	Traces  Signal = "traces"
)

// Signals lists all signals, in a fixed order.
func Signals() []Signal { return []Signal{Logs, Metrics, Traces} }

// Path is the URL path of the signal in OTLP/HTTP, such as "/v1/logs".
func (s Signal) Path() string { return "/v1/" + string(s) }

// ParseSignal returns the signal of that name.
func ParseSignal(name string) (Signal, error) {
	for _, s := range Signals() {
		if string(s) == name {
			return s, nil
		}
	}
	return "", fmt.Errorf("unknown signal %q", name)
}
