// Package probe stands next to the wire, as a client middleware of the sink,
// and tells the chain what the far end really answered: sinks tell only half
// of it, and take for success what is none.
package probe

import (
	"context"
	"net"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// Proof is what counts as a proof of delivery.
type Proof int

const (
	// ProofOTLP wants a 2xx that is an OTLP answer (OTLP 1.x specification, "OTLP/HTTP response").
	ProofOTLP Proof = iota
	// ProofStatus takes any 2xx that is not HTML.
	ProofStatus
	// ProofSink takes the sink's own word, for sinks that do not speak OTLP/HTTP.
	ProofSink
)

// Probe is an extension that only our own sink can name.
type Probe struct {
	component.StartFunc
	component.ShutdownFunc

	// Silence is how long the far end may neither take a byte nor answer.
	Silence time.Duration
	// Requests is how many may be under way at once; 0 if nobody knows.
	Requests int
	// Proof applies to HTTP sinks.
	Proof Proof
	// Dial makes the sink's connections, which take what they write to the wire
	// as it is; nil for the sink's own way. It may wait before it connects, which it
	// does with the system's dialer and the context that it was given: so the probe
	// hears when the wait is over. It must be set before the sink starts.
	Dial dialFunc
	// Header carries the batch's id to the far end, as an HTTP header or as gRPC
	// metadata; "" for none.
	Header string

	reach reach
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

var (
	_ extensionmiddleware.HTTPClient = (*Probe)(nil)
	_ extensionmiddleware.GRPCClient = (*Probe)(nil)
)
