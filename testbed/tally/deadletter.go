package tally

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mship/otelcol-mship/testbed/record"
)

// DeadLetter is one parked entry: the sidecar's fields, and the numbers of the
// records that the data file really holds.
type DeadLetter struct {
	ID        string        `json:"id"`
	Sink      string        `json:"sink"`
	Signal    record.Signal `json:"signal"`
	Reason    string        `json:"reason"`
	Status    int           `json:"status"`
	Message   string        `json:"message"`
	FirstSeen time.Time     `json:"first_seen"`
	ParkedAt  time.Time     `json:"parked_at"`
	Attempts  int           `json:"attempts"`
	Records   int           `json:"records"`
	Bytes     int           `json:"bytes"`

	Path string  `json:"-"` // of the data file
	IDs  []int64 `json:"-"`
}

// ReadDeadLetters reads every entry under dir, in order of file name. A folder
// that does not exist holds none. It is an error if a data file cannot be
// read, has no sidecar, lies in the wrong folder, or if the sidecar counts
// other records than there are.
func ReadDeadLetters(dir string) ([]DeadLetter, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var entries []DeadLetter
	for _, path := range paths {
		entry, err := readDeadLetter(path)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", path, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// ParkedIDs lists the numbers of all records in the entries.
func ParkedIDs(entries []DeadLetter) []int64 {
	var ids []int64
	for _, e := range entries {
		ids = append(ids, e.IDs...)
	}
	return ids
}

func readDeadLetter(path string) (DeadLetter, error) {
	entry, err := readSidecar(strings.TrimSuffix(path, ".jsonl") + ".json")
	if err != nil {
		return entry, err
	}
	entry.Path = path
	folder := filepath.Dir(path)
	if signal, sink := filepath.Base(folder), filepath.Base(filepath.Dir(folder)); string(entry.Signal) != signal ||
		entry.Sink != sink {
		return entry, fmt.Errorf("sidecar says %s/%s, the folder %s/%s", entry.Sink, entry.Signal, sink, signal)
	}
	entry.IDs, err = readData(path, entry.Signal)
	if err != nil {
		return entry, err
	}
	if len(entry.IDs) != entry.Records {
		return entry, fmt.Errorf("sidecar says %d records, there are %d", entry.Records, len(entry.IDs))
	}
	return entry, nil
}

func readSidecar(path string) (entry DeadLetter, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return entry, errors.New("no sidecar")
	}
	if err != nil {
		return entry, err
	}
	return entry, json.Unmarshal(data, &entry)
}

// readData reads the numbers from an OTLP-JSON file, one line per part.
func readData(path string, signal record.Signal) ([]int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ids []int64
	lines := bufio.NewReader(bytes.NewReader(data))
	for {
		line, readErr := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			found, err := readLine(line, signal)
			if err != nil {
				return nil, err
			}
			ids = append(ids, found...)
		}
		if errors.Is(readErr, io.EOF) {
			return ids, nil
		}
	}
}

func readLine(line []byte, signal record.Signal) ([]int64, error) {
	switch signal {
	case record.Logs:
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			return nil, err
		}
		return record.InLogs(ld), nil
	case record.Metrics:
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			return nil, err
		}
		return record.InMetrics(md), nil
	case record.Traces:
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			return nil, err
		}
		return record.InTraces(td), nil
	}
	return nil, fmt.Errorf("unknown signal %q", signal)
}
