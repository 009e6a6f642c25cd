package port_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mship/otelcol-mship/testbed/port"
)

func TestFreePortsDifferAndLieBelowTheEphemeralRange(t *testing.T) {
	ports, err := port.Free(50)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, p := range ports {
		assert.False(t, seen[p], "port %d twice", p)
		assert.Less(t, p, 32_768)
		seen[p] = true
	}
}

// A port that nobody listens on any more may belong to a server that is only down for now.
func TestNoPortIsGivenTwice(t *testing.T) {
	first, err := port.Free(100)
	require.NoError(t, err)
	second, err := port.Free(100)
	require.NoError(t, err)
	for _, p := range second {
		assert.NotContains(t, first, p)
	}
}

func TestListenGivesAPortOfItsOwn(t *testing.T) {
	l, err := port.Listen()
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	_, err = net.Listen("tcp", fmt.Sprint(l.Addr()))
	assert.Error(t, err)
}
