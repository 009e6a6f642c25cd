package api

import (
	"errors"
	"io"
	"net/http"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/deadletter"
)

const ndjson = "application/x-ndjson"

// attachment says what comes: a file, for somebody who is not here.
func attachment(w http.ResponseWriter, kind, file string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
}

func (s *server) export(w http.ResponseWriter, r *http.Request) {
	n, err := named(r)
	if err != nil {
		refuse(w, err)
		return
	}
	data, lines, err := s.Letters.Data(n)
	if err != nil {
		refuse(w, err)
		return
	}
	defer func() { _ = data.Close() }()
	if lines {
		attachment(w, ndjson, n+".jsonl")
	} else {
		attachment(w, "application/octet-stream", n+".bin")
	}
	_, err = io.Copy(w, data)
	whole(r, err)
}

// whole breaks the connection off where there is an error: a file that is cut
// short must not look whole.
func whole(r *http.Request, err error) {
	if err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler)
	}
}

// exportAll writes the lines of all that match, oldest first. What is damaged
// has none, and what went meanwhile was replayed or purged.
func (s *server) exportAll(w http.ResponseWriter, r *http.Request) {
	_, f, err := asked(r)
	if err != nil {
		refuse(w, err)
		return
	}
	attachment(w, ndjson, "dead-letters.jsonl")
	for _, n := range s.Letters.Names(f) {
		if r.Context().Err() != nil {
			return
		}
		if err := s.writeLines(w, n); err != nil && !errors.Is(err, deadletter.ErrNotFound) {
			whole(r, err)
			return
		}
	}
}

func (s *server) writeLines(w io.Writer, n string) error {
	data, lines, err := s.Letters.Data(n)
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	if !lines {
		return nil
	}
	e := &ending{w: w, last: '\n'}
	if _, err := io.Copy(e, data); err != nil || e.last == '\n' {
		return err
	}
	_, err = w.Write([]byte{'\n'}) // somebody has mended it with an editor
	return err
}

// ending knows the last byte that was written.
type ending struct {
	w    io.Writer
	last byte
}

func (e *ending) Write(p []byte) (int, error) {
	if len(p) > 0 {
		e.last = p[len(p)-1]
	}
	return e.w.Write(p)
}
