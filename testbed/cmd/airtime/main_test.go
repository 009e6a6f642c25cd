package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFlags(t *testing.T) {
	assert.Equal(t, 2, status([]string{"-nonsense"}, io.Discard, io.Discard))
	assert.Zero(t, status([]string{"-h"}, io.Discard, io.Discard))
	t.Setenv("MSHIP_BINARY", "")
	var said strings.Builder
	assert.Equal(t, 1, status([]string{"-binary", "nowhere", "-lasts", "1s", "-records", "1"}, io.Discard, &said))
	assert.Contains(t, said.String(), "airtime: ")
}
