package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogCutsLines(t *testing.T) {
	l, err := newLog(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)

	for _, part := range []string{"one\ntw", "o\n", "\nthr"} {
		_, err := l.Write([]byte(part))
		require.NoError(t, err)
	}

	assert.Equal(t, []string{"one", "two", ""}, l.Lines(""))
	assert.Equal(t, []string{"two"}, l.Since(1, "o"))
	require.NoError(t, l.close())
	data, err := os.ReadFile(l.Path())
	require.NoError(t, err)
	assert.Equal(t, "one\ntwo\n\nthr", string(data))
}

func TestLogIsBounded(t *testing.T) {
	l, err := newLog(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.close()) }()

	for i := range maxLines + 1 {
		l.add(fmt.Sprint(i))
	}

	assert.Equal(t, maxLines+1, l.Len())
	assert.LessOrEqual(t, len(l.Lines("")), maxLines)
	assert.Equal(t, []string{fmt.Sprint(maxLines)}, l.Since(maxLines, ""))
	assert.Equal(t, fmt.Sprint(maxLines), l.Tail(1))
}

func TestLogAwait(t *testing.T) {
	l, err := newLog(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.close()) }()

	found := make(chan bool)
	go func() { found <- l.Await(t.Context(), "ready") }()
	_, err = l.Write([]byte("not yet\nready\n"))
	require.NoError(t, err)
	assert.True(t, <-found)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.False(t, l.Await(ended, "never"))
}
