package disktest_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disktest"
)

const (
	sector = 512
	page   = 4096
	tries  = 400 // random crashes until everything has happened
)

func random(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

func create(t *testing.T, dir disk.Dir, name string) disk.File {
	t.Helper()
	f, err := dir.Create(name)
	require.NoError(t, err)
	return f
}

func open(t *testing.T, dir disk.Dir, name string) disk.File {
	t.Helper()
	f, err := dir.Open(name)
	require.NoError(t, err)
	return f
}

func sub(t *testing.T, dir disk.Dir, name string) disk.Dir {
	t.Helper()
	s, err := dir.Sub(name)
	require.NoError(t, err)
	return s
}

func write(t *testing.T, f disk.File, offset int64, b []byte) {
	t.Helper()
	n, err := f.WriteAt(b, offset)
	require.NoError(t, err)
	require.Len(t, b, n)
}

func size(t *testing.T, f disk.File) int64 {
	t.Helper()
	n, err := f.Size()
	require.NoError(t, err)
	return n
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// durable makes a file of n bytes b that no power cut harms.
func durable(t *testing.T, m *disktest.Memory, name string, b byte, n int) disk.File {
	t.Helper()
	f := create(t, m, name)
	write(t, f, 0, fill(b, n))
	require.NoError(t, f.Sync())
	require.NoError(t, m.Sync())
	return f
}
