package mshipstorage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

func create(t *testing.T, cfg *Config) extension.Extension {
	t.Helper()
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(typ), cfg)
	require.NoError(t, err)
	return ext
}

func start(t *testing.T, cfg *Config) *storageExtension {
	t.Helper()
	ext := create(t, cfg)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, ext.Shutdown(context.Background())) })
	return ext.(*storageExtension)
}

// What it makes is for us alone.
func TestFilesAreOurs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	cfg := smallConfig(t)
	cfg.Directory = filepath.Join(cfg.Directory, "made", "anew")
	ext := start(t, cfg)
	require.NoError(t, plainClient(t, ext, "").Set(t.Context(), "a", bytesOf(1)))
	damage(t, cfg.Directory, bytesOf(1))
	_, err := plainClient(t, ext, "").Get(t.Context(), "a")
	require.Error(t, err) // so that there is a file in quarantine
	require.NoError(t, ext.Shutdown(t.Context()))
	seen := 0
	require.NoError(t, filepath.WalkDir(filepath.Dir(cfg.Directory), func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		assert.Equal(t, want, info.Mode().Perm(), path)
		seen++
		return nil
	}))
	assert.GreaterOrEqual(t, seen, 7, "two directories, the lock, a segment, its summary, a spare, the quarantine and what is in it")
}

func TestADirectoryHasOneOwner(t *testing.T) {
	cfg := smallConfig(t)
	first := start(t, cfg)
	second := create(t, cfg)
	err := second.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorIs(t, err, disk.ErrInUse)
	assert.EqualError(t, err, "directory: another process uses the directory: "+cfg.Directory+" (stop that one, or give each a directory of its own)")
	require.NoError(t, second.Shutdown(t.Context()), "after a start that failed")
	require.NoError(t, first.Shutdown(t.Context()))
	require.NoError(t, second.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, second.Shutdown(t.Context()))
}

func TestLifecycle(t *testing.T) {
	cfg := smallConfig(t)
	ext := create(t, cfg).(*storageExtension)
	notStarted := func() {
		_, err := ext.GetClient(t.Context(), component.KindExporter, typedID, "")
		assert.EqualError(t, err, "the storage extension is not started: list it under service::extensions")
		_, err = ext.Reserve(1)
		assert.Error(t, err)
	}
	notStarted()
	assert.NoDirExists(t, filepath.Join(cfg.Directory, "quarantine"), "Create has no side effects")
	require.NoError(t, ext.Shutdown(t.Context()), "without a start")
	for range 2 {
		require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
		require.EqualError(t, ext.Start(t.Context(), componenttest.NewNopHost()), "the storage extension is started already")
		require.NoError(t, plainClient(t, ext, "").Set(t.Context(), "a", []byte("b")))
		require.NoError(t, ext.Shutdown(t.Context()))
		require.NoError(t, ext.Shutdown(t.Context()))
		notStarted()
	}
}

var typedID = component.MustNewID("some")

func TestADirectoryThatCannotBe(t *testing.T) {
	cfg := smallConfig(t)
	file := filepath.Join(cfg.Directory, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	cfg.Directory = file
	ext := create(t, cfg)
	assert.ErrorContains(t, ext.Start(t.Context(), componenttest.NewNopHost()), "directory: ")
	assert.NoError(t, ext.Shutdown(t.Context()))
}

// A client that outlives the extension is told.
func TestAfterTheEnd(t *testing.T) {
	ext := start(t, smallConfig(t))
	c := plainClient(t, ext, "")
	require.NoError(t, ext.Shutdown(t.Context()))
	_, err := c.Get(t.Context(), "a")
	assert.EqualError(t, err, "the store is closed")
	assert.EqualError(t, c.Set(t.Context(), "a", nil), "the store is closed")
	assert.NoError(t, c.Close(t.Context()))
	assert.EqualError(t, c.Close(t.Context()), "the client is closed already")
}

// Each component and name has its own data; of one name all see the same.
func TestClientsAreApart(t *testing.T) {
	ext := start(t, smallConfig(t))
	get := func(kind component.Kind, id, name string) storage.Client {
		c, err := ext.GetClient(t.Context(), kind, component.MustNewIDWithName("x", id), name)
		require.NoError(t, err)
		return c
	}
	clients := map[string]storage.Client{
		"exporter": get(component.KindExporter, "a", ""), "receiver": get(component.KindReceiver, "a", ""),
		"other": get(component.KindExporter, "b", ""), "logs": get(component.KindExporter, "a", "logs"), "traces": get(component.KindExporter, "a", "traces"),
	}
	for name, c := range clients {
		require.NoError(t, c.Set(t.Context(), "1", []byte(name)))
	}
	for name, c := range clients {
		got, err := c.Get(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, name, string(got))
	}
	got, err := get(component.KindExporter, "a", "logs").Get(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, "logs", string(got))
}

// fileStorage is the stock extension, whose answers ours have to be.
func fileStorage(t *testing.T) storage.Extension {
	t.Helper()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = t.TempDir()
	ext, err := f.Create(t.Context(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	return ext.(storage.Extension)
}

// both runs a script on the stock extension and on ours, and after a restart
// of ours, too. They must answer the same.
func both(t *testing.T, script func(c storage.Client) []string) {
	t.Helper()
	stock := fileStorage(t)
	theirs := plainClient(t, stock, "")
	want := append(script(theirs), contents(theirs)...)
	require.NoError(t, theirs.Close(t.Context()))
	require.NoError(t, stock.Shutdown(t.Context()))

	for _, compression := range []string{compressionNone, compressionZstd} {
		cfg := smallConfig(t)
		cfg.Compression = compression
		ours := start(t, cfg)
		c := plainClient(t, ours, "")
		assert.Equal(t, want, append(script(c), contents(c)...))
		left := contents(c)
		require.NoError(t, ours.Shutdown(t.Context()))
		assert.Equal(t, left, contents(plainClient(t, start(t, cfg), "")), "after a restart")
	}
}

func (h history) add(format string, args ...any) history {
	return append(h, fmt.Sprintf(format, args...))
}

// history is what a storage answered.
type history []string

func (h history) batch(c storage.Client, ops ...*storage.Operation) history {
	err := c.Batch(context.Background(), ops...)
	for _, op := range ops {
		if op.Type == storage.Get {
			h = h.add("%.40q = %s", op.Key, short(op.Value))
		}
	}
	return h.add("failed: %t", err != nil)
}

func (h history) get(c storage.Client, key string) history {
	v, err := c.Get(context.Background(), key)
	return h.add("%.40q = %s, failed: %t", key, short(v), err != nil)
}

func short(v []byte) string {
	if v == nil {
		return "nothing"
	}
	return fmt.Sprintf("%d bytes %.20q", len(v), v)
}

// contents is everything there is, in order of the keys.
func contents(c storage.Client) (h history) {
	found := map[string]string{}
	err := c.(storage.Walker).Walk(context.Background(), func(key string, value []byte) ([]*storage.Operation, error) {
		found[key] = short(value)
		return nil, nil
	})
	for _, key := range slices.Sorted(maps.Keys(found)) {
		h = h.add("%.40q: %s", key, found[key])
	}
	return h.add("failed: %t", err != nil)
}

func TestAnswersAreThoseOfFileStorage(t *testing.T) {
	set, get, del := storage.SetOperation, storage.GetOperation, storage.DeleteOperation
	keys := []string{"a", "0", "007", "7", "-1", "+1", "1e3", "18446744073709551615", "18446744073709551616", " ", "qmv0", "日本", "a\x00b", "\xff", strings.Repeat("k", 32000)}
	sizes := []int{0, 1, 511, 512, 513, 4096, 1 << 20}
	value := func(n int) []byte { return bytes.Repeat(bytesOf(n), n/itemBytes+1)[:n] }
	for name, script := range map[string]func(c storage.Client) []string{
		"keys": func(c storage.Client) []string {
			var h history
			for i, key := range keys {
				h = h.get(c, key).batch(c, set(key, value(i*100))).get(c, key)
			}
			for i, key := range keys {
				if h = h.get(c, key); i%2 == 0 {
					h = h.batch(c, del(key)).get(c, key).batch(c, del(key))
				}
			}
			return h
		},
		"sizes": func(c storage.Client) []string {
			var h history
			for _, key := range []string{"5", "five", "qmv1"} {
				for _, n := range sizes {
					h = h.batch(c, set(key, value(n)), get(key)).get(c, key)
				}
				for _, n := range sizes {
					h = h.batch(c, set(fmt.Sprint(key, n), value(n))).get(c, fmt.Sprint(key, n))
				}
			}
			return h
		},
		"any bytes where a queue has its metadata": func(c storage.Client) []string {
			var h history
			for _, n := range sizes {
				h = h.batch(c, set("qmv0", value(n)), get("qmv0")).get(c, "qmv0").batch(c, set("1", value(n))).get(c, "1")
			}
			return h.batch(c, del("qmv0")).get(c, "qmv0")
		},
		"nil is empty": func(c storage.Client) []string {
			return history{}.batch(c, set("a", nil), set("1", nil), get("a"), get("1")).get(c, "a").get(c, "1")
		},
		"the order in a batch": func(c storage.Client) []string {
			h := history{}.batch(c, set("a", value(10)), set("1", value(10)))
			h = h.batch(c, get("a"), set("a", value(20)), get("a"), del("a"), get("a"), set("a", value(600)), get("a"))
			h = h.batch(c, get("1"), set("1", value(20)), get("1"), del("1"), get("1"), set("1", value(600)), get("1"))
			h = h.batch(c, del("1"), set("1", value(30)), get("a"), set("2", value(40)), del("2"), get("2"))
			return h.batch(c).batch(c, get("a"), get("a"), get("none")).batch(c, set("x", value(1)), set("x", value(2))).get(c, "x")
		},
		"a wrong operation changes nothing": func(c storage.Client) []string {
			return history{}.batch(c, set("a", value(1)), &storage.Operation{Key: "b", Type: 7}).get(c, "a")
		},
		"a queue that is deleted": func(c storage.Client) []string {
			h := history{}.batch(c, set("qmv0", nil)).get(c, "qmv0").batch(c, del("qmv0")).get(c, "qmv0")
			h = h.batch(c, set("qmv0", nil), set("0", value(700))).batch(c, set("qmv0", nil), get("0"))
			return h.batch(c, del("qmv0")).get(c, "qmv0").batch(c, set("qmv0", nil), del("qmv0")).get(c, "qmv0").get(c, "0")
		},
		"a walk": func(c storage.Client) []string {
			h := history{}.batch(c, set("a", value(1)), set("b", value(700)), set("3", value(5)), set("empty", nil))
			walk := func(fn storage.WalkFunc) {
				h = h.add("failed: %t", c.(storage.Walker).Walk(context.Background(), fn) != nil)
			}
			walk(func(key string, _ []byte) ([]*storage.Operation, error) {
				if key == "b" {
					return []*storage.Operation{del("b"), set("4", value(600))}, nil
				}
				return nil, nil
			})
			h = h.get(c, "b").get(c, "4")
			n := 0
			walk(func(string, []byte) ([]*storage.Operation, error) {
				if n++; n == 3 {
					return []*storage.Operation{set("third", value(3))}, errors.New("no")
				}
				return []*storage.Operation{set("never", value(3))}, nil
			})
			h = h.add("%d seen", n).get(c, "never").get(c, "third")
			n = 0
			walk(func(string, []byte) ([]*storage.Operation, error) {
				if n++; n == 2 {
					return []*storage.Operation{set("last", value(3))}, storage.SkipAll
				}
				return []*storage.Operation{set("first", value(3))}, nil
			})
			h = h.add("%d seen", n).get(c, "first").get(c, "last")
			read := get("a")
			walk(func(key string, v []byte) ([]*storage.Operation, error) {
				if key == "a" {
					return []*storage.Operation{set("a", append(slices.Clone(v), 'x')), read, del("3")}, fmt.Errorf("so: %w", storage.SkipAll)
				}
				return nil, nil
			})
			return h.add("read %s", short(read.Value)).get(c, "3")
		},
	} {
		t.Run(name, func(t *testing.T) { both(t, script) })
	}
}

// Ours takes keys that bbolt refuses, too.
func TestKeysThatFileStorageRefuses(t *testing.T) {
	cfg := smallConfig(t)
	ext := start(t, cfg)
	c := plainClient(t, ext, "")
	keys := []string{"", strings.Repeat("long", 16<<10)}
	for i, key := range keys {
		require.NoError(t, c.Set(t.Context(), key, bytesOf(i)))
	}
	require.NoError(t, ext.Shutdown(t.Context()))
	c = plainClient(t, start(t, cfg), "")
	for i, key := range keys {
		got, err := c.Get(t.Context(), key)
		require.NoError(t, err)
		assert.Equal(t, bytesOf(i), got)
	}
}

// What a component does with its bytes after a call is its own business.
func TestValuesAreCopied(t *testing.T) {
	c := plainClient(t, start(t, smallConfig(t)), "")
	for _, size := range []int{10, 1000} {
		v := bytesOf(1)[:size]
		require.NoError(t, c.Set(t.Context(), "a", v))
		clear(v)
		for range 2 {
			got, err := c.Get(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, bytesOf(1)[:size], got)
			clear(got)
		}
	}
}

// The real extension in a real directory: nothing is lost by a copy of it that
// is taken while it runs, as a kill leaves it.
func TestTheExtensionIsKilled(t *testing.T) {
	cfg := smallConfig(t)
	cfg.FlushInterval = 10 * time.Millisecond
	ext := start(t, cfg)
	q := startQueue(t, ext, func(n int) bool { return n < 10 }, queueSettings{})
	q.offerAll(0, 30)
	require.Eventually(t, func() bool { return len(q.delivered()) == 10 }, 20*time.Second, time.Millisecond)
	copied := *cfg
	copied.Directory = t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(copied.Directory, "q"), os.DirFS(cfg.Directory)))
	copied.Directory = filepath.Join(copied.Directory, "q")
	q.stop()

	for _, c := range []*Config{&copied, cfg} {
		require.NoError(t, ext.Shutdown(t.Context()))
		ext = start(t, c)
		q = startQueue(t, ext, all, queueSettings{})
		require.Eventually(t, func() bool { return len(q.delivered()) >= 20 && q.size() == 0 }, 20*time.Second, time.Millisecond)
		got := q.delivered()
		assert.Equal(t, numbers(10, 30), got[len(got)-20:], "in order")
		assert.LessOrEqual(t, len(got), 30, "what was done just before may come again")
		q.stop()
	}
}

// Many at once share flushes, and each has what it wrote.
func TestManyAtOnce(t *testing.T) {
	ext := start(t, smallConfig(t))
	var group sync.WaitGroup
	for i := range 8 {
		c := plainClient(t, ext, fmt.Sprint(i%3))
		group.Go(func() {
			for n := range 25 {
				key := fmt.Sprint(i, "-", n)
				assert.NoError(t, c.Set(context.Background(), key, bytesOf(n)))
				got, err := c.Get(context.Background(), key)
				assert.NoError(t, err)
				assert.Equal(t, bytesOf(n), got)
				if n%2 == 0 {
					assert.NoError(t, c.Delete(context.Background(), key))
				}
			}
		})
	}
	group.Wait()
}
