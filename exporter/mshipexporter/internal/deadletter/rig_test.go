package deadletter

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

var refusal = &delivery.Failure{Fault: delivery.ThisBatch, Status: 400, Message: "bad field"}

// rig is a store in a folder of the test's own, and what it told.
type rig struct {
	*Store
	dir string

	mu      sync.Mutex
	dropped []Dropped
	failed  []error
}

func newRig(tb testing.TB, dir string, adjust ...func(*Settings)) *rig {
	tb.Helper()
	r := &rig{dir: dir}
	set := Settings{
		Directory: dir, Sink: "shore", MaxPerHour: 1_000_000,
		OnParked: func(Entry, string) {},
		OnFailed: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.failed = append(r.failed, err)
		},
		OnDropped: func(d Dropped) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.dropped = append(r.dropped, d)
		},
	}
	for _, f := range adjust {
		f(&set)
	}
	r.Store = New(set)
	return r
}

func (r *rig) told() []Dropped {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Dropped(nil), r.dropped...)
}

// again is the store after a restart.
func (r *rig) again(t *testing.T) *rig {
	t.Helper()
	next := newRig(t, r.dir, func(s *Settings) {
		s.MaxBytes, s.DropOldest, s.MaxAge = r.settings.MaxBytes, r.settings.DropOldest, r.settings.MaxAge
	})
	require.NoError(t, next.Open())
	return next
}

// batch is the n-th batch, which came in n seconds after the first.
func batch(n int, bodies ...string) delivery.Batch {
	if bodies == nil {
		bodies = []string{"hello"}
	}
	b := logs(bodies...)
	b.ID = delivery.ID{0xab, byte(n >> 8), byte(n)}
	b.History = &delivery.History{FirstSeen: time.Unix(1_700_000_000+int64(n), 0)}
	return b
}

func nameNo(n int) string { b := batch(n); return nameOf(b.History.FirstSeen, b.ID) }

// bytesOnDisk is what the entries of a store really take.
func bytesOnDisk(t *testing.T, dir string) (sum int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		sum += info.Size()
		return err
	}))
	return sum
}

// put writes a file of the store as another hand would.
func put(tb testing.TB, dir, folder, file, text string) string {
	tb.Helper()
	path := filepath.Join(dir, "shore", folder, file)
	err := os.WriteFile(path, []byte(text), 0o600)
	if errors.Is(err, os.ErrNotExist) {
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o700))
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	require.NoError(tb, err)
	return path
}

func about(tb testing.TB, n int, reason string) string {
	tb.Helper()
	at := time.Unix(1_700_000_000+int64(n), 0).UTC()
	text, err := json.Marshal(Entry{Name: nameNo(n), ID: batch(n).ID.String(), Signal: delivery.Logs, Reason: reason, First: at, Parked: at, Records: 1, Bytes: 10})
	require.NoError(tb, err)
	return string(text)
}

// many puts n entries on the disk, faster than parking would.
func many(tb testing.TB, dir string, n int) {
	tb.Helper()
	for i := range n {
		put(tb, dir, "logs", nameNo(i)+".json", about(tb, i, Rejected))
		put(tb, dir, "logs", nameNo(i)+".jsonl", "{}\n")
	}
}

func names(entries []Entry) (out []string) {
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return out
}

// consistent: the index is what is on the disk.
func (r *rig) consistent(t *testing.T) {
	t.Helper()
	entries, bytes, _ := r.Total()
	next := r.again(t)
	afterEntries, afterBytes, _ := next.Total()
	assert.Equal(t, afterEntries, entries)
	assert.Equal(t, afterBytes, bytes)
	assert.Equal(t, next.Names(Filter{}), r.Names(Filter{}))
}
