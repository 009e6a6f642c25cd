// Package api serves the dead letters, and what an exporter says of itself, as
// JSON over HTTP. Where it is mounted, and who may ask, is the business of an
// extension; API.md of mship_console is its document.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"time"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

// Replay takes an entry of the dead letters back into the queue. It returns nil
// once the queue has it durably and it is no dead letter any more.
type Replay func(ctx context.Context, name string) error

// Settings of what is served.
type Settings struct {
	Status  func() Status
	Letters *deadletter.Store
	Replay  Replay
}

// server answers. It is safe for concurrent use.
type server struct{ Settings }

// Handler serves a sink. Its paths begin where it is mounted.
func Handler(set Settings) http.Handler {
	s := &server{set}
	mux := http.NewServeMux()
	mux.Handle("/status", only(http.MethodGet, s.status))
	mux.Handle("/dead-letters", only(http.MethodGet, s.list))
	mux.Handle("/dead-letters/{name}", only(http.MethodGet, s.show))
	mux.Handle("/dead-letters/export", only(http.MethodGet, s.exportAll))
	mux.Handle("/dead-letters/{name}/export", only(http.MethodGet, s.export))
	mux.Handle("/dead-letters/replay", only(http.MethodPost, s.replay))
	mux.Handle("/dead-letters/purge", only(http.MethodPost, s.purge))
	mux.HandleFunc("/", nowhere)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean("/"+r.URL.Path) != r.URL.Path { // the mux would send elsewhere who asks so
			nowhere(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func only(method string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			h(w, r)
			return
		}
		w.Header().Set("Allow", method)
		answer(w, http.StatusMethodNotAllowed, problem{Error: "only " + method + " is served here"})
	})
}

func nowhere(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusNotFound, problem{Error: "there is nothing here: see the document of the API"})
}

func (s *server) status(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Status()) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone hears nothing
}

// problem is what is answered instead of what was asked for.
type problem struct {
	Error string `json:"error"`
	// Count is what a purge would remove.
	Count *int `json:"count,omitempty"`
}

// refuse answers with an error, whose kind tells the status.
func refuse(w http.ResponseWriter, err error) {
	p, status := problem{Error: err.Error()}, http.StatusServiceUnavailable
	count, miscounted := errors.AsType[*deadletter.CountError](err)
	switch {
	case miscounted:
		status, p.Count = http.StatusConflict, &count.Found
	case errors.Is(err, errTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errRequest):
		status = http.StatusBadRequest
	case errors.Is(err, deadletter.ErrNotFound):
		status = http.StatusNotFound
	}
	answer(w, status, p)
}

// Status is the state of a sink. Times are by the ship's clock; counters begin with the exporter.
type Status struct {
	Sink        string      `json:"sink"`
	Exporter    string      `json:"exporter"`
	Type        string      `json:"type"`
	Breaker     Breaker     `json:"breaker"`
	LastAnswer  *Answer     `json:"last_answer"`
	Counters    Counters    `json:"counters"`
	Queue       Queue       `json:"queue"`
	Storage     *Storage    `json:"storage"`
	Held        []string    `json:"held"`
	DeadLetters DeadLetters `json:"dead_letters"`
}

// Breaker is the circuit breaker.
type Breaker struct {
	Enabled bool      `json:"enabled"`
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
	// OpenSecondsLeft until it probes.
	OpenSecondsLeft float64  `json:"open_seconds_left"`
	Changes         []Change `json:"changes"`
}

// Change of the breaker's state.
type Change struct {
	At    time.Time `json:"at"`
	State string    `json:"state"`
}

// Answer is what came of the latest attempt on the wire.
type Answer struct {
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`
	Status int       `json:"status"`
	Text   string    `json:"text"`
}

// Counters since the start.
type Counters struct {
	Retries          int64 `json:"retries"`
	Errors           int64 `json:"errors"`
	Timeouts         int64 `json:"timeouts"`
	DeliveredRecords int64 `json:"delivered_records"`
	DeliveredBytes   int64 `json:"delivered_bytes"`
	RejectedRecords  int64 `json:"rejected_records"`
	CircuitOpened    int64 `json:"circuit_opened"`
}

// Queue of all signals.
type Queue struct {
	Batches int64 `json:"batches"`
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Load against Limit, both in LimitUnit; 0 where there is no queue.
	Load      int64      `json:"load"`
	Limit     int64      `json:"limit"`
	LimitUnit string     `json:"limit_unit"`
	Oldest    *time.Time `json:"oldest"`
}

// Storage below the queue, which others may use as well.
type Storage struct {
	UsedBytes int64 `json:"used_bytes"`
	MaxBytes  int64 `json:"max_bytes"`
}

// DeadLetters in all.
type DeadLetters struct {
	Entries  int        `json:"entries"`
	Bytes    int64      `json:"bytes"`
	MaxBytes int64      `json:"max_bytes"`
	OnFull   string     `json:"on_full"`
	Oldest   *time.Time `json:"oldest"`
}
