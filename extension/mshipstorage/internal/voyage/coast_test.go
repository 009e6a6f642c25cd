package voyage

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

var (
	errDark = errors.New("no route to host")
	errLost = errors.New("connection reset by peer")
)

// coast is a far end that remembers keys, as mship_dedup or another mship does:
// what comes again under a key that it knows is answered with success and goes no further.
type coast struct {
	mu sync.Mutex
	// latency is how long a request takes, and an answer.
	latency time.Duration
	// dark: nothing reaches it.
	dark bool
	// lose the answer to every request that brings something new, so many times.
	lose int
	// bad are records for which it refuses a request for good.
	bad []string
	// known are the records that came under a key; changed those keys that came with others too.
	known   map[string]string
	changed []string
	// taken counts each record that went further.
	taken map[string]int
	// again counts the requests that came under a key that was known.
	again int
	// flying are requests whose answer is under way; heard is when the ship had the last one.
	flying int
	heard  time.Time
}

func newCoast() *coast {
	return &coast{latency: 10 * time.Millisecond, known: map[string]string{}, taken: map[string]int{}}
}

func (c *coast) clone() *coast {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &coast{
		latency: c.latency, dark: c.dark, lose: c.lose, bad: c.bad, again: c.again,
		known: maps.Clone(c.known), changed: slices.Clone(c.changed), taken: maps.Clone(c.taken),
	}
}

func (c *coast) setDark(dark bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dark = dark
}

func (c *coast) has(record string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[record] > 0
}

// calm: the ship has heard all that the coast has said, and has had time to write it down.
func (c *coast) calm() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flying == 0 && time.Since(c.heard) > 0
}

func (c *coast) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
	c.heard = time.Now()
}

// answer is what the ship is told; an error is one of the connection.
func (c *coast) answer(key string, records []string) (status int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying++
	switch {
	case c.dark:
		return 0, errDark
	case slices.ContainsFunc(records, func(r string) bool { return slices.Contains(c.bad, r) }):
		return http.StatusBadRequest, nil
	}
	content := strings.Join(records, " ")
	if was, ok := c.known[key]; ok {
		c.again++
		if was != content {
			c.changed = append(c.changed, key)
		}
		return http.StatusOK, nil
	}
	c.known[key] = content
	for _, record := range records {
		c.taken[record]++
	}
	if c.lose > 0 {
		c.lose--
		return 0, errLost
	}
	return http.StatusOK, nil
}

// wire is the way to the coast, as an HTTP transport; the power can be cut at both its ends.
type wire struct {
	coast *coast
	blade *blade
}

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart("tcp", req.URL.Host)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	sent := plogotlp.NewExportRequest()
	if err := sent.UnmarshalProto(body); err != nil {
		return nil, err
	}
	time.Sleep(w.coast.latency)
	w.blade.point("send")
	status, err := w.coast.answer(req.Header.Get("Idempotency-Key"), names(sent.Logs()))
	defer w.coast.arrived()
	w.blade.point("answer")
	time.Sleep(w.coast.latency)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {protobuf}}, ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody,
	}, nil
}

func names(ld plog.Logs) (all []string) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				all = append(all, record.Body().Str())
			}
		}
	}
	return all
}
