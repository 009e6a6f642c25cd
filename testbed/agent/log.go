package agent

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
)

// maxLines bounds the log in memory; the file has all of it.
const maxLines = 50_000

// Log keeps what an agent writes to stderr. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	file    *os.File
	partial []byte
	lines   []string
	gone    int           // lines dropped from the front
	changed chan struct{} // closed when a line is added
}

func newLog(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &Log{file: file, changed: make(chan struct{})}, nil
}

func (l *Log) close() error { return l.file.Close() }

// Path is the file that has the whole log.
func (l *Log) Path() string { return l.file.Name() }

// Write takes output of the agent.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, err := l.file.Write(p); err != nil {
		return n, err
	}
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.add(string(line))
		l.partial = rest
	}
}

func (l *Log) add(line string) {
	if len(l.lines) == maxLines {
		drop := maxLines / 10
		l.lines = slices.Clone(l.lines[drop:])
		l.gone += drop
	}
	l.lines = append(l.lines, line)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Len is how many lines there have been, a mark for Since.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone + len(l.lines)
}

// Lines lists the lines that contain substr.
func (l *Log) Lines(substr string) []string { return l.Since(0, substr) }

// Since lists the lines from mark on that contain substr.
func (l *Log) Since(mark int, substr string) []string {
	found, _ := l.search(mark, substr)
	return found
}

// search also returns a channel that is closed when there is more to search.
func (l *Log) search(mark int, substr string) ([]string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines[min(len(l.lines), max(0, mark-l.gone)):] {
		if strings.Contains(line, substr) {
			found = append(found, line)
		}
	}
	return found, l.changed
}

// Await waits until some line contains substr, and reports false if ctx ends first.
func (l *Log) Await(ctx context.Context, substr string) bool { return l.await(ctx, 0, substr) }

func (l *Log) await(ctx context.Context, mark int, substr string) bool {
	for {
		found, changed := l.search(mark, substr)
		if len(found) > 0 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Tail is the last n lines.
func (l *Log) Tail(n int) string { return l.from(l.Len() - n) }

func (l *Log) from(mark int) string { return strings.Join(l.Since(mark, ""), "\n") }
