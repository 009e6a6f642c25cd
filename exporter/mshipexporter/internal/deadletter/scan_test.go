package deadletter

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/exporter/mshipexporter/internal/delivery"
)

func TestARestartFindsAll(t *testing.T) {
	r := newRig(t, t.TempDir())
	for _, n := range []int{5, 1, 3, 2, 4} {
		require.NoError(t, r.Park(batch(n, "one", "two"), Rejected, refusal))
	}
	require.NoError(t, r.ParkDamaged(&delivery.Damage{Signal: delivery.Traces, Raw: []byte{1}, Err: errors.New("checksum")}))
	want, _, wantTotal := r.List(Filter{}, "", 10)
	require.Len(t, want, 6)

	next := r.again(t)
	got, _, total := next.List(Filter{}, "", 10)
	assert.Equal(t, want, got)
	assert.Equal(t, wantTotal, total)
	assert.Equal(t, bytesOnDisk(t, r.dir), total.Bytes)
	assert.Equal(t, []string{nameNo(5), nameNo(4), nameNo(3), nameNo(2), nameNo(1)}, names(got[1:]), "newest first")
	assert.Equal(t, Unreadable, got[0].Reason)
	_, _, oldest := next.Total()
	assert.Equal(t, time.Unix(1_700_000_001, 0).UTC(), oldest)
	next.consistent(t)
}

// The order is that of the time, not that of the letters.
func TestTheOrderIsByTime(t *testing.T) {
	r := newRig(t, t.TempDir())
	id := strings.Repeat("0", 36)
	inOrder := []string{"5", "9-" + id, "10-" + id, "99", "1700000000000000000-" + id, "9223372036854775807-" + id}
	for _, name := range []int{3, 0, 5, 1, 4, 2} {
		put(t, r.dir, "logs", inOrder[name]+".json", "{}")
		put(t, r.dir, "logs", inOrder[name]+".jsonl", "{}\n")
	}
	require.NoError(t, r.Open())
	assert.Equal(t, inOrder, r.Names(Filter{}))
	r.index.add(found("logs", "7", 1))
	r.index.add(found("logs", "7", 2))
	assert.Equal(t, "7", r.Names(Filter{})[1])
	assert.Len(t, r.Names(Filter{}), 7)
}

func TestABatchOfAClockBefore1970(t *testing.T) {
	r := newRig(t, t.TempDir())
	b := batch(1)
	b.History.FirstSeen = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, r.Park(b, Rejected, refusal))
	name := r.Names(Filter{})[0]
	assert.True(t, IsName(name), name)
	r.consistent(t)
}

const ours = "1700000000000000000-00000000-0000-0000-0000-000000000000"

func TestWhatOpenFinds(t *testing.T) {
	for _, c := range []struct {
		name string
		// files of the folder logs; a name that ends with / is a folder.
		files []string
		// entries that are found, and files that are gone after it.
		entries int
		gone    []string
	}{
		{"nothing", nil, 0, nil},
		{"an entry", []string{ours + ".json", ours + ".jsonl"}, 1, nil},
		{"data without JSON", []string{ours + ".jsonl"}, 0, []string{ours + ".jsonl"}},
		{"JSON without data", []string{ours + ".json"}, 0, []string{ours + ".json"}},
		{"half written", []string{".writing-123", ours + ".json", ours + ".jsonl"}, 1, []string{".writing-123"}},
		{"another ending", []string{ours + ".bin", ours + ".json"}, 0, []string{ours + ".json"}},
		{"somebody's notes", []string{"mended.jsonl", "notes.json", "README", ours + ".jsonl.bak"}, 0, nil},
		{"somebody's pair", []string{"mended.jsonl", "mended.json"}, 0, nil},
		{"a folder for data", []string{ours + ".jsonl/", ours + ".json"}, 0, nil},
		{"a folder for JSON", []string{ours + ".jsonl", ours + ".json/"}, 0, nil},
		{"folders of the same names", []string{".writing-1/", ours + ".jsonl/"}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, t.TempDir())
			old := time.Now().Add(-time.Hour)
			for _, file := range c.files {
				path := filepath.Join(r.dir, "shore", "logs", file)
				if strings.HasSuffix(file, "/") {
					require.NoError(t, os.MkdirAll(path, 0o700))
				} else {
					put(t, r.dir, "logs", file, "{}")
				}
				require.NoError(t, os.Chtimes(path, old, old))
			}
			require.NoError(t, r.Open())
			assert.Len(t, r.Names(Filter{}), c.entries)
			for _, file := range c.files {
				_, err := os.Stat(filepath.Join(r.dir, "shore", "logs", file))
				assert.Equal(t, slices.Contains(c.gone, file), errors.Is(err, os.ErrNotExist), file)
			}
		})
	}
}

// What was touched just now may be another process's, which is about to write the rest.
func TestWhatIsFreshIsNoLeftover(t *testing.T) {
	r := newRig(t, t.TempDir())
	path := put(t, r.dir, "logs", ours+".jsonl", "{}\n")
	require.NoError(t, r.Open())
	assert.FileExists(t, path)
	late := time.Now().Add(time.Hour) // the clock was ahead
	require.NoError(t, os.Chtimes(path, late, late))
	require.NoError(t, r.Open())
	assert.NoFileExists(t, path)
}

// One folder that cannot be read does not hide the others.
func TestAFolderThatCannotBeRead(t *testing.T) {
	r := newRig(t, t.TempDir())
	put(t, r.dir, "traces", ours+".json", "{}")
	put(t, r.dir, "traces", ours+".jsonl", "{}\n")
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "shore", "logs"), nil, 0o600))
	require.ErrorContains(t, r.Open(), filepath.Join("shore", "logs"))
	assert.Equal(t, []string{ours}, r.Names(Filter{}))
}

// Somebody clears the folder by hand, or brings an entry back from a copy: it
// needs no restart.
func TestHandsInTheFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxBytes = 1500 })
		for n := range 2 {
			require.NoError(t, r.Park(batch(n), Rejected, refusal))
		}
		require.ErrorContains(t, r.Park(batch(2, strings.Repeat("x", 500)), Rejected, refusal), "full")
		done, stop := tended(t, r)
		base := filepath.Join(r.dir, "shore", "logs", nameNo(0))
		require.NoError(t, os.Remove(base+".json"))
		require.NoError(t, os.Remove(base+".jsonl"))
		put(t, r.dir, "metrics", ours+".json", `{"signal":"metrics"}`)
		put(t, r.dir, "metrics", ours+".jsonl", "{}\n")

		_, err := r.Get(nameNo(0))
		require.ErrorIs(t, err, ErrNotFound)
		_, _, err = r.Data(nameNo(0))
		require.ErrorIs(t, err, ErrNotFound)
		page, _, _ := r.List(Filter{}, "", 10)
		assert.Len(t, page, 2, "it is listed until the folders are looked through")
		time.Sleep(sweepEvery + time.Second)
		synctest.Wait()
		assert.ElementsMatch(t, []string{nameNo(1), ours}, r.Names(Filter{}))
		r.consistent(t)
		require.NoError(t, r.Park(batch(2, strings.Repeat("x", 100)), Rejected, refusal))
		assert.Empty(t, r.told(), "nobody but the hand has removed anything")
		stop()
		<-done
	})
}

// tended runs Tend; the channel is closed when it has ended.
func tended(t *testing.T, r *rig) (done chan struct{}, stop func()) {
	t.Helper()
	done = make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		r.Tend(ctx)
	}()
	synctest.Wait()
	return done, stop
}

func TestAJSONThatCannotBeRead(t *testing.T) {
	first := time.Unix(1_700_000_000, 0).UTC()
	for name, text := range map[string]string{
		"empty":           "",
		"cut":             `{"name":"x","id":"`,
		"a page":          "<!DOCTYPE html><script>alert(1)</script>",
		"another type":    `{"status":"many"}`,
		"too many replay": `{"replays":256}`,
		"a huge number":   `{"bytes":1e30}`,
		"a year too far":  `{"first_seen":"99999-01-01T00:00:00Z"}`,
		"too long":        `{"message":"` + strings.Repeat("x", mostAbout) + `"}`,
		"binary":          "\xff\xfe\x00",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxAge = time.Minute })
			put(t, r.dir, "logs", ours+".json", text)
			put(t, r.dir, "logs", ours+".jsonl", "{}\n")
			require.NoError(t, r.Open())
			page, next, total := r.List(Filter{Signal: delivery.Logs, From: first, To: first}, "", 10)
			require.Len(t, page, 1)
			assert.Empty(t, next)
			assert.Equal(t, 1, total.Entries)
			assert.Equal(t, ours, page[0].Name)
			assert.Equal(t, delivery.Logs, page[0].Signal, "the folder knows")
			assert.Equal(t, first, page[0].First, "the name knows")
			assert.Contains(t, page[0].Message, "export or purge it")
			_, err := r.Get(ours)
			require.ErrorContains(t, err, "export or purge it")
			data, lines, err := r.Data(ours)
			require.NoError(t, err)
			assert.True(t, lines)
			require.NoError(t, data.Close())
			r.sweep()
			assert.Empty(t, r.told(), "nobody knows how old it is")
			_, err = r.Purge(Filter{Names: []string{ours}}, 1)
			require.NoError(t, err)
			assert.Zero(t, bytesOnDisk(t, r.dir))
		})
	}
}

// A JSON that lies: the folder and the file's name know better.
func TestAJSONThatLies(t *testing.T) {
	r := newRig(t, t.TempDir(), func(s *Settings) { s.MaxAge = time.Minute })
	hostile := `{"name":"../../etc/passwd","sink":"other","signal":"metrics","reason":"damaged","records":-5,"bytes":-7,
		"message":"\u0000\u001b[31m<script>\ud800 ` + "\xff" + `","parked_at":"0001-01-01T00:00:00Z"}`
	put(t, r.dir, "logs", ours+".json", hostile)
	put(t, r.dir, "logs", ours+".jsonl", "{}\n")
	put(t, r.dir, "damaged", "17.json", `{"reason":"rejected","signal":"logs"}`)
	put(t, r.dir, "damaged", "17.bin", "\x00")
	require.NoError(t, r.Open())
	e, err := r.Get(ours)
	require.NoError(t, err)
	assert.Equal(t, ours, e.Name)
	assert.Equal(t, "shore", e.Sink)
	assert.Equal(t, delivery.Logs, e.Signal, "replayed as metrics it would be nothing, and gone")
	e, err = r.Get("17")
	require.NoError(t, err)
	assert.Equal(t, Unreadable, e.Reason, "nobody may replay it")
	assert.Equal(t, []string{"17"}, r.Names(Filter{Reason: Unreadable, Signal: delivery.Logs, To: time.Unix(0, 100)}))
	_, _, total := r.List(Filter{}, "", 1)
	assert.Zero(t, total.Records)
	r.sweep()
	assert.Len(t, r.Names(Filter{}), 2)
}
